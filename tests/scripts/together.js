// All files of tests that are named, in one process: to read jsdom takes as long as most of them.

import { pathToFileURL } from "node:url";

for (const file of process.argv.slice(2)) {
  try {
    await import(pathToFileURL(file).href);
  } catch (error) {
    console.error(error); // nothing is told of this file, which is how one sees it
  }
}
