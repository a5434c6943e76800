// Computes the SHA-256 of files beside the page, so that the page stays quick.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const SLICE = 4 * 1024 * 1024;

addEventListener("message", async ({ data: { id, file } }) => {
  try {
    const hash = sha256.create();
    for (let start = 0; start < file.size; start += SLICE) {
      hash.update(new Uint8Array(await file.slice(start, start + SLICE).arrayBuffer()));
    }
    postMessage({ id, sha256: bytesToHex(hash.digest()) });
  } catch {
    // The file was moved or changed on the disk meanwhile.
    postMessage({ id });
  }
});
