// Whatever is wider than its place scrolls in a frame that the keyboard reaches; without scripts it scrolls as well.
(() => {
  const frames = ".frame, .wide, .cell_output > .output, .bd-article pre, .bd-article div.math, .bd-article figure";
  const named = (frame) => frame.querySelector("caption, figcaption, img[alt]");
  const measure = () => {
    for (const frame of document.querySelectorAll(frames)) {
      const wide = frame.scrollWidth > frame.clientWidth + 1;
      frame.classList.toggle("wider", wide);
      if (!wide) {
        frame.removeAttribute("tabindex");
        continue;
      }
      frame.tabIndex = 0;
      if (frame.tagName !== "PRE" && frame.tagName !== "FIGURE") frame.setAttribute("role", "region");
      const name = named(frame);
      const words = name ? name.getAttribute("alt") || name.textContent.trim() : "Scrolls sideways";
      if (!frame.hasAttribute("aria-label")) frame.setAttribute("aria-label", words.slice(0, 120));
    }
  };
  const start = () => {
    for (const table of document.querySelectorAll(".bd-article table")) {
      if (table.closest(".frame, .wide")) continue;
      const frame = document.createElement("div");
      frame.className = "frame";
      table.replaceWith(frame);
      frame.append(table);
    }
    measure();
    window.addEventListener("resize", measure);
    window.addEventListener("load", measure);
    document.addEventListener("toggle", measure, true);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
