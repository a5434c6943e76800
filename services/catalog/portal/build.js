// Bundles the portal into `../catalog/static`, which is made anew each time. Run by `make portal`.
//
// `portal.js` and `style.css` are what a page loads. What a page loads later (the transfer dialog with its queue, the
// viewer of PDFs) lies in chunks named by their content; the workers stand alone.

import { cp, readdir, rm } from "node:fs/promises";
import { build } from "esbuild";

const output = "../catalog/static";
const pdfjs = "node_modules/pdfjs-dist";
// What the viewer of PDFs fetches where one needs it: what scans are packed with (JBIG2, JPEG 2000), the fonts that a PDF
// may name without having them, and how the characters of Chinese, Japanese and Korean are numbered.
const beside = { wasm: /^(jbig2|openjpeg)\.wasm$/, standard_fonts: /^LICENSE_|\.(pfb|ttf)$/, cmaps: /\.bcmap$/ };

const options = {
  outdir: output,
  bundle: true,
  format: "esm",
  // Browsers of the last years: a farm's old laptop still gets them.
  target: ["chrome100", "firefox100", "safari15.4"],
  chunkNames: "[name]-[hash]",
  loader: { ".svg": "copy" },
  minify: true,
  legalComments: "none",
  logLevel: "warning",
};

await rm(output, { recursive: true, force: true });
await build({
  ...options,
  entryPoints: { icon: "icon.svg", portal: "src/portal.js", style: "css/portal.css" },
  splitting: true,
});
// Each in one piece: older browsers know no modules in workers.
await build({
  ...options,
  entryPoints: {
    "hash-worker": "src/transfer/hash-worker.js",
    "pdf-worker": `${pdfjs}/legacy/build/pdf.worker.mjs`,
  },
});
for (const [folder, wanted] of Object.entries(beside)) {
  const names = (await readdir(`${pdfjs}/${folder}`)).filter((name) => wanted.test(name));
  await Promise.all(names.map((name) => cp(`${pdfjs}/${folder}/${name}`, `${output}/${name}`)));
}
