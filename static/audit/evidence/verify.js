// @ts-check
// Works out in the browser what proves an event, with nothing but its own cryptography: the leaf, the path, the signature.

/**
 * @typedef {object} Proof
 * @property {string} body the exact text of the event
 * @property {number} leaf_index
 * @property {string[]} hashes base64, the lowest first
 * @property {string} checkpoint a C2SP signed note
 *
 * @typedef {{what: string, fits: boolean, detail: string}} Finding
 */

/** @param {string} text */
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
/** @param {Uint8Array} value */
const hex = (value) => [...value].map((byte) => byte.toString(16).padStart(2, "0")).join("");
/** @param {Uint8Array} one @param {Uint8Array} other */
const same = (one, other) => hex(one) === hex(other);

/** @param {...(Uint8Array | number)} parts */
async function sha256(...parts) {
  const whole = new Uint8Array(parts.flatMap((part) => (typeof part === "number" ? [part] : [...part])));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

/**
 * The root to which hashes lead from a leaf (RFC 9162, section 2.1.3.2).
 * @param {number} index @param {number} size @param {Uint8Array} leaf @param {Uint8Array[]} hashes
 */
async function rootOf(index, size, leaf, hashes) {
  let place = index;
  let last = size - 1;
  let found = leaf;
  for (const hash of hashes) {
    if (place % 2 || place === last) {
      found = await sha256(1, hash, found);
      while (place % 2 === 0 && place) [place, last] = [place / 2, Math.floor(last / 2)];
    } else {
      found = await sha256(1, found, hash);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 ? found : new Uint8Array();
}

/**
 * The text of a note, its size and root, and the signature that a key made under it.
 * @param {string} note @param {string} id of the key
 */
function readNote(note, id) {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split("\n");
  const lines = note.slice(end + 2).split("\n").filter(Boolean);
  const signatures = lines.map((line) => bytes(line.split(" ")[2]));
  const own = signatures.find((signature) => hex(signature.slice(0, 4)) === id);
  return { origin, text, size: Number(size), root: bytes(root), signature: own?.slice(4) };
}

/**
 * Whether a key of the form name+id+base64 signed a note.
 * @param {string} note @param {string} key
 */
async function isSigned(note, key) {
  const [name, id, encoded] = key.trim().split(/\+(.{8})\+/);
  const whole = bytes(encoded);
  const { origin, text, signature } = readNote(note, id);
  const computed = await sha256(new TextEncoder().encode(`${name}\n`), whole);
  if (!signature || origin !== name || hex(computed.slice(0, 4)) !== id || whole[0] !== 1) return false;
  const known = await crypto.subtle.importKey("raw", whole.slice(1), "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", known, signature, new TextEncoder().encode(text));
}

/**
 * What is true of an event, step by step.
 * @param {Proof} proof @param {string} key
 * @returns {Promise<Finding[]>}
 */
async function verify(proof, key) {
  const leaf = await sha256(0, new TextEncoder().encode(proof.body));
  const { size, root } = readNote(proof.checkpoint, "");
  const found = await rootOf(proof.leaf_index, size, leaf, proof.hashes.map(bytes));
  return [
    { what: "The hash of the event was worked out from its exact bytes.", fits: true, detail: hex(leaf) },
    {
      what: `${proof.hashes.length} hashes lead from it to the root of the checkpoint.`,
      fits: same(found, root),
      detail: hex(found) || "no root",
    },
    { what: "The checkpoint is signed with this key.", fits: await isSigned(proof.checkpoint, key), detail: key.trim() },
  ];
}

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("#verify"));

/** @param {Finding} finding */
function drawn({ what, fits, detail }) {
  const item = document.createElement("li");
  item.className = fits ? "is-true" : "is-wrong";
  const said = document.createElement("strong");
  said.textContent = fits ? what : `This is not so: ${what}`;
  const code = document.createElement("code");
  code.textContent = detail;
  item.append(said, code);
  return item;
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const proof = JSON.parse(document.querySelector("#proof").textContent);
  const key = /** @type {HTMLInputElement} */ (form.elements.namedItem("key")).value;
  const verdict = form.querySelector("[role=status]");
  const list = form.querySelector("ol");
  try {
    const findings = await verify(proof, key);
    list.replaceChildren(...findings.map(drawn));
    const good = findings.every((finding) => finding.fits);
    verdict.className = good ? "notice notice-good" : "notice notice-bad";
    verdict.textContent = good
      ? "This event is in the log as the checkpoint signs it."
      : "This event is not in the log as this key signs it.";
  } catch (error) {
    list.replaceChildren();
    verdict.className = "notice notice-bad";
    const unknown = /** @type {{name?: string}} */ (error).name === "NotSupportedError";
    verdict.textContent = `${unknown ? "This browser knows no Ed25519" : "The key is not readable"}: nothing was checked.`;
  }
});
