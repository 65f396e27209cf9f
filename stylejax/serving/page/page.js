// The page: a photo or a listing, words and a category to a grid of listings; words said after that
// change it, turn by turn. Whatever the server sends is put in as text, never as markup.
"use strict";

const at = (id) => document.getElementById(id);
const photos = [null]; // photos of this visit by number: the history of the browser keeps numbers
const TURNS = 8; // that the server takes
const WEIGHT = 0.5; // its default
let limits = { upload_bytes: Infinity, words: 500 };
let product = nothing(); // what is in the form
let asked = 0; // number of the newest question: answers to earlier ones are dropped

// A question is what the history keeps: a product, { said: [words of each turn], weight: of each of
// them beside the product, without, category }.
function nothing() {
  return { photo: 0, like: "", name: "" }; // number of a photo, or id and title of a listing
}

function is(product) {
  return Boolean(product.photo || product.like);
}

async function answer(address, options) {
  const response = await fetch(address, options);
  const body = await response.json().catch(() => ({ detail: `error ${response.status}` }));
  if (!response.ok) throw new Error(body.detail);
  return body;
}

function say(text, wrong = false) {
  at("status").textContent = text;
  at("status").classList.toggle("wrong", wrong);
}

function show({ photo, like, name }) {
  const file = photos[photo] ?? null;
  product = { photo: file ? photo : 0, like, name };
  const preview = at("preview");
  if (preview.src.startsWith("blob:")) URL.revokeObjectURL(preview.src);
  preview.removeAttribute("src");
  preview.hidden = at("remove").hidden = !is(product);
  at("product").hidden = !like;
  at("invitation").hidden = is(product);
  at("product").textContent = like && `More like “${name}”`;
  preview.alt = like ? name : "your photo";
  if (file) preview.src = URL.createObjectURL(file);
  else if (like) preview.src = `/picture/${encodeURIComponent(like)}`;
}

function take(file) {
  if (!file) return;
  if (file.size > limits.upload_bytes) {
    const mib = (limits.upload_bytes / 2 ** 20).toLocaleString();
    say(`This photo is larger than ${mib} MiB; take a smaller one.`, true);
    return;
  }
  show({ ...nothing(), photo: photos.push(file) - 1 });
  submit();
}

function submit() {
  const words = at("words").value.trim();
  if (!is(product) && !words) {
    say("Give a photo, words, or both.", true);
    return;
  }
  const without = at("without").value.trim();
  const said = words ? [words] : [];
  ask({ ...product, said, weight: WEIGHT, without, category: at("category").value });
}

function ask(question) {
  history.pushState(question, "");
  run(question);
}

async function run(question) {
  const number = ++asked;
  say("Searching …");
  at("results").classList.add("waiting");
  try {
    const found = await answer("/api/search", { method: "POST", body: formOf(question) });
    if (number !== asked) return;
    list(found.results);
    turns(question);
    say(sentence(question, found.results.length));
  } catch (error) {
    if (number !== asked) return;
    clear();
    const lost = error instanceof TypeError; // fetch's word for a connection that broke
    say(lost ? "The server does not answer." : `Not found: ${error.message}.`, true);
  } finally {
    if (number === asked) at("results").classList.remove("waiting");
  }
}

function formOf(question) {
  const form = new FormData();
  if (question.photo) form.append("photo", photos[question.photo]);
  for (const words of question.said) form.append("words", words);
  if (is(question) && question.said.length) form.append("weight", question.weight);
  for (const field of ["like", "without", "category"]) {
    if (question[field]) form.append(field, question[field]);
  }
  return form;
}

function sentence(question, count) {
  const listings = `${count} listing${count === 1 ? "" : "s"}`;
  const about = question.like ? `like “${question.name}”` : question.photo ? "by photo" : "";
  const words = question.said.length ? (about ? " and words" : "by words") : "";
  const without = question.without ? ` without “${question.without}”` : "";
  const inside = question.category ? ` in ${question.category}` : "";
  const order = "best first. The score is the cosine of query and listing.";
  return `${listings} ${about}${words}${without}${inside}, ${order}`;
}

function turns(question) {
  const taken = question.said.map((words, turn) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = `${words} ×`;
    button.setAttribute("aria-label", `Take back “${words}”`);
    button.addEventListener("click", () => {
      const said = question.said.filter((_, other) => other !== turn);
      if (said.length || is(question)) ask({ ...question, said });
      else clear();
    });
    item.append(button);
    return item;
  });
  at("turns").replaceChildren(...taken);
  at("weigh").hidden = !(is(question) && question.said.length);
  at("weight").value = at("share").value = question.weight;
  at("then").value = "";
  at("then").disabled = at("add").disabled = question.said.length >= TURNS;
  at("change").hidden = false;
}

function clear() {
  at("change").hidden = true;
  list([]);
  say("");
}

function list(results) {
  at("results").replaceChildren(...results.map(card));
}

function card(result) {
  const item = at("result").content.cloneNode(true).firstElementChild;
  const name = result.title || "(no title)";
  const image = item.querySelector("img");
  if (result.picture) {
    image.addEventListener("load", () => {
      item.querySelector(".photo span").hidden = true;
    });
    image.addEventListener("error", () => {
      image.hidden = true;
    });
    image.hidden = false;
    image.alt = name;
    image.src = result.picture;
  }
  item.querySelector(".rank").textContent = result.rank;
  item.querySelector(".score").textContent = result.score.toFixed(3);
  item.querySelector(".name").textContent = name;
  item.querySelector(".name").title = name;
  item.querySelector(".path").textContent = result.category;
  item.querySelector(".more").setAttribute("aria-label", `More like ${name}`);
  item.querySelector(".more").addEventListener("click", () => {
    show({ ...nothing(), like: result.item_id, name });
    at("words").value = at("without").value = "";
    submit();
    scrollTo({ top: at("status").offsetTop - 12 });
  });
  return item;
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
at("change").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = at("then").value.trim();
  const now = history.state;
  if (words && now) ask({ ...now, said: [...now.said, words] });
});
at("weight").addEventListener("input", () => {
  at("share").value = at("weight").value;
});
at("weight").addEventListener("change", () => {
  if (history.state) ask({ ...history.state, weight: Number(at("weight").value) });
});
at("photo").addEventListener("change", () => {
  take(at("photo").files[0]);
  at("photo").value = ""; // so that the same photo can be chosen again
});
at("preview").addEventListener("error", () => {
  at("preview").hidden = true; // a listing without a picture
});
at("remove").addEventListener("click", () => show(nothing()));
at("category").addEventListener("change", () => {
  const now = history.state;
  if (now) ask({ ...now, category: at("category").value });
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  at("drop").classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) at("drop").classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  take(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => take(event.clipboardData.files[0]));

function restore(question) {
  if (!question) {
    show(nothing());
    clear();
    return;
  }
  show(question);
  at("words").value = question.said[0] ?? "";
  at("without").value = question.without;
  at("category").value = question.category;
  if (question.photo && !product.photo) {
    clear(); // the page was loaded anew, and photos are not kept
    say("Give the photo once more.");
  } else run(question);
}
addEventListener("popstate", (event) => restore(event.state));

function describe(health) {
  limits = health;
  for (const field of ["words", "without", "then"]) at(field).maxLength = health.words;
  at("note").textContent = health.note;
  at("note").hidden = !health.note;
  const count = health.listings.toLocaleString();
  at("about").textContent = `${count} listings, run ${health.run} at step ${health.step}.`;
}

function offer(categories) {
  for (const { path, listings } of categories) {
    const levels = path.split(" > ");
    const indent = "\u00a0\u00a0\u00a0".repeat(levels.length - 1);
    at("category").append(new Option(`${indent}${levels.at(-1)} (${listings})`, path));
  }
  at("category").disabled = !categories.length;
}

Promise.all([answer("/api/health"), answer("/api/categories")])
  .then(([health, categories]) => {
    describe(health);
    offer(categories);
    if (history.state) restore(history.state);
  })
  .catch((error) => say(`The server does not answer: ${error.message}.`, true));
