"use strict";
const PAGE = 24;
const $ = (id) => document.getElementById(id);
let indexes = [];
let start = 0;
let asked = 0;

function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text ?? "";
  if (className) made.className = className;
  return made;
}

async function fetched(path, options) {
  const response = await fetch(path, options);
  const content = await response.json();
  if (!response.ok) throw new Error(content.detail ?? response.statusText);
  return content;
}

function imageButton(number, generation, image, caption) {
  const button = element("button", "", "image");
  button.type = "button";
  button.title = image.name;
  const picture = document.createElement("img");
  picture.loading = "lazy";
  picture.alt = image.name;
  picture.src = `api/picture/${number}/${image.row}?of=${generation}`;
  button.append(picture, caption);
  button.append(element("small", `${image.category} ${image.probability.toFixed(2)}`));
  button.addEventListener("click", () => {
    window.scrollTo({ top: 0 });
    ask(picture.src, image.name, () => fetched(`api/search/${number}/${image.row}?of=${generation}`));
  });
  return button;
}

function showCode(answer) {
  const cells = [];
  for (let i = 0; i < answer.bits; i += 1) {
    const byte = parseInt(answer.code.slice(2 * (i >> 3), 2 * (i >> 3) + 2), 16);
    const one = (byte >> (7 - (i % 8))) & 1;
    cells.push(element("i", "", one ? "one" : ""));
  }
  $("code").replaceChildren(...cells);
  $("code").setAttribute("aria-label", `code ${answer.code}`);
  $("hex").textContent = `${answer.bits} bits: ${answer.code}`;
}

function showCategories({ categories, calibrated, far }) {
  const doubt = calibrated ? "" : "Scores, not calibrated. ";
  $("doubt").textContent = doubt + (far ? "Far from all source images: none of them." : "");
  $("categories").replaceChildren(...categories.map(({ category, probability }) => {
    const meter = document.createElement("meter");
    meter.value = probability;
    const line = element("li");
    line.append(element("span", category), meter, element("span", probability.toFixed(3)));
    return line;
  }));
}

function showNeighbours(found) {
  $("neighbours").replaceChildren(...found.map(({ name, generation, images }, number) => {
    const section = document.createElement("section");
    const row = element("div", "", "row");
    row.append(...images.map((image) =>
      imageButton(number, generation, image, `distance ${image.distance}`)));
    section.append(element("h2", `Nearest in ${name}`), row);
    return section;
  }));
}

async function ask(picture, name, answered) {
  asked += 1;
  const mine = asked;
  $("query").src = picture;
  $("query").hidden = false;
  $("message").textContent = "";
  try {
    const answer = await answered();
    if (mine !== asked) return;
    $("title").textContent = name;
    showCategories(answer);
    showCode(answer);
    showNeighbours(answer.indexes);
    $("answer").hidden = false;
  } catch (error) {
    if (mine !== asked) return;
    $("answer").hidden = true;
    $("neighbours").replaceChildren();
    $("message").textContent = error.message;
  }
}

function askFile(file) {
  if (!file) return;
  const picture = URL.createObjectURL(file);
  ask(picture, file.name, () => fetched("api/search", { method: "POST", body: file }));
}

async function showImages() {
  const number = Number($("indexes").value);
  const { generation, count } = indexes[number];
  const images = await fetched(
    `api/images/${number}?start=${start}&count=${PAGE}&of=${generation}`);
  $("images").replaceChildren(
    ...images.map((image) => imageButton(number, generation, image, "")));
  $("where").textContent = `${start + 1} to ${start + images.length} of ${count}`;
  $("back").disabled = start === 0;
  $("on").disabled = start + PAGE >= count;
}

function turn(by) {
  start = Math.max(0, start + by);
  showImages().catch((error) => { $("message").textContent = error.message; });
}

async function begin() {
  indexes = await fetched("api/indexes");
  $("indexes").replaceChildren(...indexes.map(({ name, count }, number) => {
    const option = element("option", `${name} (${count} images)`);
    option.value = number;
    return option;
  }));
  turn(0);
}

$("file").addEventListener("change", (event) => {
  askFile(event.target.files[0]);
  event.target.value = "";
});
$("drop").addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
$("drop").addEventListener("dragleave", () => $("drop").classList.remove("over"));
$("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  askFile(event.dataTransfer.files[0]);
});
$("indexes").addEventListener("change", () => { start = 0; turn(0); });
$("back").addEventListener("click", () => turn(-PAGE));
$("on").addEventListener("click", () => turn(PAGE));
begin().catch((error) => { $("message").textContent = error.message; });
