import assert from "node:assert/strict";
import { generateKeyPairSync, createHash, sign, webcrypto } from "node:crypto";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { open } from "../../page.js";

const turned = promisify(setImmediate);
const ORIGIN = "review.example.com/log";
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const sha = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const node = (left, right) => sha(Buffer.from([1]), left, right);

const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
const whole = Buffer.concat([Buffer.from([1]), raw]);
const id = sha(Buffer.from(`${ORIGIN}\n`), whole).subarray(0, 4);
const KEY = `${ORIGIN}+${id.toString("hex")}+${whole.toString("base64")}`;

const BODIES = ["one", "two", "three é", "four", "five"];
const LEAVES = BODIES.map((body) => sha(Buffer.from([0]), Buffer.from(body)));
const [a, b, c, d, e] = LEAVES;
const ROOT = node(node(node(a, b), node(c, d)), e);
const TEXT = `${ORIGIN}\n5\n${ROOT.toString("base64")}\n`;
const signature = Buffer.concat([id, sign(null, Buffer.from(TEXT), privateKey)]).toString("base64");
const NOTE = `${TEXT}\n— witness.example.org AAAAAAAA\n— ${ORIGIN} ${signature}\n`;
const PATHS = { 0: [b, node(c, d), e], 2: [d, node(a, b), e], 4: [node(node(a, b), node(c, d))] };

function proofOf(place, changed = {}) {
  const hashes = PATHS[place].map((hash) => hash.toString("base64"));
  return { body: BODIES[place], leaf_index: place, hashes, checkpoint: NOTE, ...changed };
}

async function verified(t, proof, key = KEY, furnish = () => {}) {
  const form = `<form id="verify"><input name="key"><button>Verify</button><p role="status"></p><ol></ol></form>`;
  const data = `<script type="application/json" id="proof">${JSON.stringify(proof)}</script>`;
  const page = open(t, `<body>${data}${form}</body>`, "audit/evidence/verify.js");
  Object.defineProperty(page.window, "crypto", { value: webcrypto, configurable: true });
  page.window.TextEncoder = TextEncoder;
  furnish(page.window);
  page.find("[name=key]").value = key;
  page.click("button");
  const until = Date.now() + 5_000; // the cryptography works in threads of its own
  while (!page.find("[role=status]").textContent && Date.now() < until) {
    await turned();
  }
  return { said: page.find("[role=status]").textContent, findings: page.all("li").map((it) => it.className) };
}
const GOOD = "This event is in the log as the checkpoint signs it.";
const BAD = "This event is not in the log as this key signs it.";

describe("What proves an event", () => {
  for (const place of [0, 2, 4]) {
    test(`entry ${place} leads to the root`, async (t) => {
      const { said, findings } = await verified(t, proofOf(place));

      assert.equal(said, GOOD);
      assert.deepEqual(findings, ["is-true", "is-true", "is-true"]);
    });
  }
  test("one changed letter leads elsewhere", async (t) => {
    const { said, findings } = await verified(t, proofOf(2, { body: "three e" }));

    assert.equal(said, BAD);
    assert.deepEqual(findings, ["is-true", "is-wrong", "is-true"]);
  });
  test("another place, a shorter path and another root are wrong", async (t) => {
    const { hashes } = proofOf(2);
    const other = NOTE.replace(ROOT.toString("base64"), a.toString("base64"));
    for (const changed of [{ leaf_index: 3 }, { hashes: hashes.slice(1) }, { checkpoint: other }]) {
      assert.equal((await verified(t, proofOf(2, changed))).said, BAD);
    }
  });
  test("a checkpoint that somebody else signed is wrong", async (t) => {
    const forged = NOTE.replace(signature, Buffer.concat([id, Buffer.alloc(64)]).toString("base64"));

    assert.deepEqual((await verified(t, proofOf(0, { checkpoint: forged }))).findings[2], "is-wrong");
  });
  test("a key of another name or with other digits is wrong", async (t) => {
    for (const key of [KEY.replace("review.", "other."), KEY.replace(`+${id.toString("hex")}+`, "+00000000+")]) {
      assert.equal((await verified(t, proofOf(0), key)).findings[2], "is-wrong");
    }
  });
});

describe("What can't be checked", () => {
  test("a key that is none is told of", async (t) => {
    const { said, findings } = await verified(t, proofOf(0), "no key");

    assert.equal(said, "The key is not readable: nothing was checked.");
    assert.deepEqual(findings, []);
  });
  test("a browser without Ed25519 says so", async (t) => {
    const refuse = async () => {
      throw Object.assign(new Error("no"), { name: "NotSupportedError" });
    };
    const subtle = { digest: (...about) => webcrypto.subtle.digest(...about), importKey: refuse };
    const { said } = await verified(t, proofOf(0), KEY, (window) => {
      Object.defineProperty(window, "crypto", { value: { subtle }, configurable: true });
    });

    assert.equal(said, "This browser knows no Ed25519: nothing was checked.");
  });
});
