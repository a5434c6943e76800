// A photograph or scan, as large as the window lets it be.

import { answered, bytesOf } from "../api.js";
import { zoomable } from "./zoom.js";

export async function showImage({ content, document: { name, content_type: type }, stage, asked }) {
  // An `img` that is refused says neither why nor for how long.
  const bytes = await bytesOf(await answered(content, asked));
  // In a template's own document nothing is loaded.
  const image = document.importNode(document.getElementById("viewer-image").content.firstElementChild);
  image.alt = name;
  image.src = URL.createObjectURL(new Blob([bytes], { type }));
  await image.decode().catch((error) => {
    close();
    throw error;
  });
  stage.replaceChildren(image);
  const zoom = zoomable((scale) => {
    image.style.setProperty("--zoom", scale);
    image.classList.toggle("zoomed", scale > 1);
  });
  return { close, zoom };

  function close() {
    URL.revokeObjectURL(image.src);
    image.removeAttribute("src");
  }
}
