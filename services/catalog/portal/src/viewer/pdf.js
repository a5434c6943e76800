// A PDF, drawn page by page as they come into sight: also where the browser itself shows none, as on most phones.

import { GlobalWorkerOptions, getDocument, PDFDataRangeTransport, TextLayer } from "pdfjs-dist/legacy/build/pdf.mjs";
import { answered, bytesOf } from "../api.js";
import { zoomable } from "./zoom.js";

// Beside this chunk; see build.js.
const base = new URL(".", import.meta.url).href;
GlobalWorkerOptions.workerSrc = `${base}pdf-worker.js`;

const PROTECTED = "Ce PDF est protégé par un mot de passe. Téléchargez-le pour l’ouvrir.";
const SHARPEST = 2;
// Browsers refuse to draw on more.
const LARGEST_AREA = 16_000_000;
// In so large pieces it is fetched.
const PIECE = 262_144;

export async function showPdf({ content, document: { size }, stage, viewer, asked, fail }) {
  const { signal } = asked;
  const loading = getDocument({
    ...(await sourceOf({ content, size, asked, fail })),
    useWorkerFetch: true,
    cMapUrl: base,
    standardFontDataUrl: base,
    wasmUrl: base,
  });
  signal.addEventListener("abort", () => loading.destroy(), { once: true });
  const pdf = await loading.promise.catch((error) => {
    throw error.name === "PasswordException" ? Object.assign(new Error(PROTECTED), { forPeople: true }) : error;
  });
  const first = await pdf.getPage(1);
  const sheets = new Sheets(pdf, { stage, viewer, first, fail });
  return { close: () => sheets.close(), zoom: sheets.zoom };
}

// Asked for in one: each opening is noted in the document's journal, and a piece counts as one that goes on. Of what is
// large, only what is looked at is then fetched: lines in the country are slow.
async function sourceOf({ content, size, asked, fail }) {
  const response = await answered(content, asked);
  if (size <= 2 * PIECE) return { data: await bytesOf(response) };
  await response.body.cancel();
  return {
    range: new Pieces(size, { content, asked, fail }),
    rangeChunkSize: PIECE,
    disableAutoFetch: true,
    disableStream: true,
  };
}

// pdf.js itself would neither wait where it is told to nor say that it does.
class Pieces extends PDFDataRangeTransport {
  constructor(size, { content, asked, fail }) {
    super(size, null);
    Object.assign(this, { content, asked, fail });
  }

  async requestDataRange(begin, end) {
    try {
      const headers = { Range: `bytes=${begin}-${end - 1}` };
      const bytes = await bytesOf(await answered(this.content, { ...this.asked, headers }));
      if (!this.asked.signal.aborted) this.onDataRange(begin, new Uint8Array(bytes));
    } catch (error) {
      this.fail(error);
    }
  }
}

// The pages, each a sheet of the right size from the beginning, drawn while it is in sight or nearly so.
class Sheets {
  constructor(pdf, { stage, viewer, first, fail }) {
    this.pdf = pdf;
    this.stage = stage;
    this.fail = fail;
    this.told = viewer.querySelector(".viewer-page");
    this.drawn = new Map();
    const template = document.getElementById("viewer-sheet").content.firstElementChild;
    this.sheets = Array.from({ length: pdf.numPages }, (_, index) => {
      const sheet = template.cloneNode(true);
      sheet.dataset.page = index + 1;
      sheet.querySelector("canvas").setAttribute("aria-label", `Page ${index + 1} sur ${pdf.numPages}`);
      return sheet;
    });
    const { width, height } = first.getViewport({ scale: 1 });
    for (const sheet of this.sheets) sheet.style.aspectRatio = `${width} / ${height}`;
    stage.replaceChildren(...this.sheets);
    this.sight = new IntersectionObserver((entries) => this.seen(entries), { root: stage, rootMargin: "60% 0px" });
    this.zoom = zoomable((scale) => this.scaled(scale));
    // A phone that is turned.
    this.resized = new ResizeObserver(() => this.laid());
    this.resized.observe(this.sheets[0]);
    this.tell = () => this.tellPage();
    stage.addEventListener("scroll", this.tell, { passive: true });
    this.tell();
  }

  close() {
    this.sight.disconnect();
    this.resized.disconnect();
    this.stage.removeEventListener("scroll", this.tell);
    this.pdf.loadingTask.destroy();
  }

  scaled(scale) {
    const at = this.stage.scrollHeight ? this.stage.scrollTop / this.stage.scrollHeight : 0;
    this.stage.style.setProperty("--zoom", scale);
    this.stage.scrollTop = at * this.stage.scrollHeight;
    this.laid();
  }

  // Draws what is in sight anew, where the sheets have another width.
  laid() {
    const width = this.sheets[0].clientWidth;
    if (width === this.width) return;
    this.width = width;
    this.tellPage();
    for (const sheet of this.sheets) {
      this.erase(sheet);
      this.sight.unobserve(sheet);
      this.sight.observe(sheet); // tells anew which are in sight
    }
  }

  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) this.erase(target);
      else if (!this.drawn.has(target)) this.draw(target).catch((error) => this.undrawn(error));
    }
  }

  // An old browser may know how to read a PDF and not how to draw it.
  undrawn(error) {
    if (this.stage.querySelector("[data-drawn]")) throw error;
    this.fail(error);
  }

  async draw(sheet) {
    const mine = {};
    this.drawn.set(sheet, mine);
    const page = await this.pdf.getPage(Number(sheet.dataset.page));
    if (this.drawn.get(sheet) !== mine) return;
    const natural = page.getViewport({ scale: 1 });
    sheet.style.aspectRatio = `${natural.width} / ${natural.height}`;
    const viewport = page.getViewport({ scale: sheet.clientWidth / natural.width });
    const canvas = sheet.querySelector("canvas");
    const sharpness = Math.min(devicePixelRatio, SHARPEST, Math.sqrt(LARGEST_AREA / (viewport.width * viewport.height)));
    canvas.width = Math.floor(viewport.width * sharpness);
    canvas.height = Math.floor(viewport.height * sharpness);
    const transform = [sharpness, 0, 0, sharpness, 0, 0];
    mine.task = page.render({ canvas, viewport, transform });
    await mine.task.promise.catch((error) => {
      if (error.name !== "RenderingCancelledException") throw error;
    });
    if (this.drawn.get(sheet) === mine) await this.lettered(sheet, page, viewport);
  }

  // The words, invisible over the drawing: to be read out, selected and found.
  async lettered(sheet, page, viewport) {
    const container = sheet.querySelector(".textLayer");
    container.replaceChildren();
    container.style.setProperty("--total-scale-factor", viewport.scale);
    await new TextLayer({ textContentSource: page.streamTextContent(), container, viewport }).render();
    sheet.dataset.drawn = "";
  }

  // A drawing takes much memory, so only those in sight are kept.
  erase(sheet) {
    this.drawn.get(sheet)?.task?.cancel();
    this.drawn.delete(sheet);
    delete sheet.dataset.drawn;
    const canvas = sheet.querySelector("canvas");
    canvas.width = canvas.height = 0;
    sheet.querySelector(".textLayer").replaceChildren();
  }

  tellPage() {
    const middle = this.stage.scrollTop + this.stage.clientHeight / 2;
    const below = this.sheets.findIndex((sheet) => sheet.offsetTop > middle);
    const page = below < 0 ? this.sheets.length : Math.max(below, 1);
    const text = `Page ${page} sur ${this.sheets.length}`;
    if (this.told.textContent !== text) this.told.textContent = text;
  }
}
