"use strict";
const PAGE = 24;
const NO_ANSWER = "The server does not answer. Is `python -m dah serve` still running in its terminal?"
  + " Start it again there, then load this page again.";
const BUSY = "The server has too much to do just now. Try again in a moment.";
const NO_FILE = "Nothing to search for was dropped: save the image as a file first, then drop the file.";
const FOLDER = "That is a folder. Drop one image; `python -m dah encode` takes whole folders.";
const UNREAD = "the browser cannot read this file. Was it moved, changed or deleted? Choose it again.";
const $ = (id) => document.getElementById(id);
const HINT = $("hint").textContent;
const UNSEEN = "This browser cannot show this kind of image; drop another one, or click here";
let indexes = [];
let start = 0;
let asked = 0;
let entered = 0;

function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text ?? "";
  if (className) made.className = className;
  return made;
}

function say(text, wrong) {
  $("message").textContent = text;
  $("message").classList.toggle("wrong", Boolean(wrong));
  if (wrong) $("message").scrollIntoView({ block: "nearest" });
}

async function fetched(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error(NO_ANSWER);
  }
  const content = await response.json().catch(() => ({}));
  if (response.ok) return content;
  if (typeof content.detail === "string") throw new Error(content.detail);
  throw new Error(response.status === 503 ? BUSY
    : `The server answers with ${response.status} ${response.statusText}; its terminal says more.`);
}

function noPicture() {
  const stand = element("span", "no picture", "none");
  stand.title = "The file is not there any more, or not in a folder of --pictures;"
    + " the terminal of serve says which.";
  return stand;
}

function imageButton(number, generation, image, distance) {
  const button = element("button", "", "image");
  button.type = "button";
  button.title = image.name;
  const picture = document.createElement("img");
  const source = `api/picture/${number}/${image.row}?of=${generation}`;
  picture.loading = "lazy";
  picture.draggable = false;
  picture.alt = image.name;
  picture.addEventListener("error", () => picture.replaceWith(noPicture()));
  picture.src = source;
  button.append(picture, element("b", image.name.split("/").pop()));
  button.append(element("small", `${image.category} ${image.probability.toFixed(2)}`));
  if (distance) button.append(element("small", distance));
  button.addEventListener("click", () => {
    window.scrollTo({ top: 0 });
    ask(source, image.name, () => fetched(`api/search/${number}/${image.row}?of=${generation}`));
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

function showQuery(picture) {
  if ($("query").src.startsWith("blob:")) URL.revokeObjectURL($("query").src);
  $("query").hidden = !picture;
  $("query").src = picture;
  $("hint").textContent = HINT;
}

async function ask(picture, name, answered) {
  asked += 1;
  const mine = asked;
  showQuery(picture);
  say(`Searching for ${name} ...`);
  try {
    const answer = await answered();
    if (mine !== asked) return;
    $("title").textContent = name;
    showCategories(answer);
    showCode(answer);
    showNeighbours(answer.indexes);
    $("answer").hidden = false;
    say("");
  } catch (error) {
    if (mine !== asked) return;
    $("answer").hidden = true;
    $("neighbours").replaceChildren();
    showQuery("");
    say(error.message === NO_ANSWER ? NO_ANSWER : `${name}: ${error.message}`, true);
  }
}

function askFile(file) {
  ask(URL.createObjectURL(file), file.name, async () => {
    await file.slice(0, 1).arrayBuffer().catch(() => { throw new Error(UNREAD); });
    return fetched("api/search", { method: "POST", body: file });
  });
}

function dropped(carried) {
  const [item] = [...carried.items].filter(({ kind }) => kind === "file");
  if (!item || !carried.files.length) say(NO_FILE, true);
  else if (item.webkitGetAsEntry?.()?.isDirectory) say(FOLDER, true);
  else askFile(carried.files[0]);
}

function over(change, carried) {
  if (!carried.types.includes("Files")) return;
  entered = Math.max(0, entered + change);
  $("over").hidden = entered === 0;
}

async function showImages() {
  const number = Number($("indexes").value);
  const { generation, count } = indexes[number];
  const images = await fetched(
    `api/images/${number}?start=${start}&count=${PAGE}&of=${generation}`);
  $("images").replaceChildren(
    ...images.map((image) => imageButton(number, generation, image)));
  $("where").textContent = `${start + 1} to ${start + images.length} of ${count}`;
  $("back").disabled = start === 0;
  $("on").disabled = start + PAGE >= count;
}

function turn(by) {
  start = Math.max(0, start + by);
  showImages().catch((error) => say(error.message, true));
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
  if (event.target.files.length) askFile(event.target.files[0]);
  event.target.value = "";
});
$("query").addEventListener("error", () => {
  if ($("query").hidden) return;
  $("query").hidden = true;
  $("hint").textContent = UNSEEN;
});
document.addEventListener("dragenter", (event) => {
  event.preventDefault();
  over(1, event.dataTransfer);
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("dragleave", (event) => over(-1, event.dataTransfer));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  over(-entered, event.dataTransfer);
  dropped(event.dataTransfer);
});
$("indexes").addEventListener("change", () => { start = 0; turn(0); });
$("back").addEventListener("click", () => turn(-PAGE));
$("on").addEventListener("click", () => turn(PAGE));
begin().catch((error) => say(error.message, true));
