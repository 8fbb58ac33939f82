// A line of JSON for each test that ended: the file it stands in, its name, and what went wrong.

import { inspect } from "node:util";

export default async function* told(events) {
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const wrong = type === "test:fail" ? inspect(data.details.error) : "";
    yield `${JSON.stringify({ file: data.file, name: data.name, wrong })}\n`;
  }
}
