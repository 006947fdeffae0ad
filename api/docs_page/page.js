"use strict";
// Finds operations by any word they contain; "/" goes to the search box.
const search = document.getElementById("search");
const articles = [...document.querySelectorAll("article")].map((element) => ({
  element,
  link: document.querySelector(`nav a[href="#${element.id}"]`).parentElement,
  text: element.textContent.toLowerCase(),
}));

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { element, link, text } of articles) {
    const fits = words.every((word) => text.includes(word));
    element.hidden = link.hidden = !fits;
    shown += fits;
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = !section.querySelector("article:not([hidden]), li:not([hidden])");
  }
  document.getElementById("nothing").hidden = shown > 0;
}

search.addEventListener("input", show);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  }
});
