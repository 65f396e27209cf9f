// What the page shows. Whatever the server sends is put in as text, never as markup.
export const at = (id) => document.getElementById(id);

export function say(text, wrong = false) {
  at("status").textContent = text;
  at("status").classList.toggle("wrong", wrong);
}

export function complain({ message }) {
  say(`${message[0].toUpperCase()}${message.slice(1)}.`, true);
}

export function sentence(question, said, count) {
  const listings = `${count} listing${count === 1 ? "" : "s"}`;
  const about = question.like ? `like “${question.name}”` : question.photo ? "by photo" : "";
  const words = said.length ? (about ? " and words" : "by words") : "";
  const without = question.without ? ` without “${question.without}”` : "";
  const inside = question.category ? ` in ${question.category}` : "";
  const order = "best first. The score is the cosine of query and listing.";
  return `${listings} ${about}${words}${without}${inside}, ${order}`;
}

// Called again with the same picture it leaves it alone, which would flicker.
export function showProduct(picture, { like, name }) {
  const preview = at("preview");
  if ((preview.getAttribute("src") ?? "") === picture) return;
  if (picture) preview.src = picture;
  else preview.removeAttribute("src");
  preview.alt = like ? name : "your photo";
  preview.hidden = at("chosen").hidden = !picture;
  at("product").textContent = like ? `More like “${name}”` : name;
  at("product").hidden = !like;
  at("invitation").hidden = Boolean(picture);
}

// A listing without a picture, or a photo that browsers do not show, such as TIFF.
function nameProduct() {
  at("product").hidden = at("chosen").hidden;
  at("preview").hidden = true;
}
at("preview").addEventListener("error", nameProduct);

// A button for each turn; the next one gets the focus of one that is taken back. Those of the same
// turns stay as they are: one of them may be pressed just now.
export function turns(said, most, takeBack) {
  if (at("turns").dataset.said === JSON.stringify(said)) return;
  at("turns").dataset.said = JSON.stringify(said);
  const buttons = said.map((words, turn) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = `${words} ×`;
    button.ariaLabel = `Take back “${words}”`;
    button.addEventListener("click", () => takeBack(turn));
    return button;
  });
  const places = [...at("turns").children];
  const focused = places.findIndex((place) => place.contains(document.activeElement));
  at("turns").replaceChildren(...buttons.map(inItem));
  const next = buttons[Math.min(focused, buttons.length - 1)] ?? at("results");
  if (focused >= 0) next.focus({ preventScroll: true });
  allow(said.length < most, buttons.at(-1));
}

function inItem(button) {
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function allow(another, last) {
  if (!another && at("change").contains(document.activeElement)) last.focus();
  at("then").disabled = at("add").disabled = !another;
  at("then").placeholder = another ? "what should be different" : "no more turns";
}

export function busy() {
  return at("results").ariaBusy === "true";
}

// The list itself gets the focus of what goes from it.
export function list(results, more) {
  const focused = at("results").contains(document.activeElement);
  at("results").replaceChildren(...results.map((result) => card(result, more)));
  at("results").ariaBusy = "false";
  if (focused) at("results").focus({ preventScroll: true });
}

function card(result, more) {
  const item = at("result").content.cloneNode(true).firstElementChild;
  const name = result.title || "(no title)";
  if (result.picture) showPicture(item, result.picture, name);
  item.querySelector(".rank").textContent = result.rank;
  item.querySelector(".score").textContent = result.score.toFixed(3);
  item.querySelector(".name").textContent = name;
  item.querySelector(".name").title = name;
  item.querySelector(".path").textContent = result.category;
  item.querySelector(".more").ariaLabel = `More like ${name}`;
  item.querySelector(".more").addEventListener("click", () => more(result, name));
  return item;
}

function showPicture(item, picture, name) {
  const image = item.querySelector("img");
  image.addEventListener("load", () => {
    item.querySelector(".photo span").hidden = true;
  });
  image.addEventListener("error", () => {
    image.hidden = true;
  });
  image.hidden = false;
  image.alt = name;
  image.src = picture;
}

export function describe(health) {
  for (const field of ["words", "without", "then"]) at(field).maxLength = health.words;
  // Steps of half the default, so that the default is one of them.
  at("weight").min = at("weight").step = health.weight / 2;
  at("weight").max = health.most_weight;
  at("note").textContent = health.note;
  at("note").hidden = !health.note;
  const count = health.listings.toLocaleString();
  at("about").textContent = `${count} listings, run ${health.run} at step ${health.step}.`;
}

export function offer(categories) {
  for (const { path, listings } of categories) {
    const levels = path.split(" > ");
    const indent = "\u00a0\u00a0\u00a0".repeat(levels.length - 1);
    at("category").append(new Option(`${indent}${levels.at(-1)} (${listings})`, path));
  }
  at("category").disabled = !categories.length;
}
