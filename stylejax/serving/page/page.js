// The page: a photo or a listing, words and a category to a grid of listings; words said after that
// change it, turn by turn.
//
// Its state is one question. The history of the browser keeps it (`now`), the form and the turns
// show it (`fill`), whatever is done on the page makes another of it (`drafted`), which is asked.
import { at, busy, complain, describe, list, offer, say, sentence, showProduct, turns } from "/shown.js";

const PAUSE = 300; // milliseconds that the slider rests before its weight is asked
// Photos of this visit by their addresses in it, which are random: an entry of the history that is
// older than the visit never gets the photo of another.
const photos = new Map();
let limits = null; // what the server says of itself
let asked = 0; // number of the newest question: answers to earlier ones are dropped
let resting = 0; // timer of the slider

// A photo, or id and title of a listing; the words of the form; what was said then, turn by turn.
function nothing() {
  const product = { photo: "", like: "", name: "" };
  return { ...product, words: "", then: [], without: "", category: "", weight: limits.weight };
}

function now() {
  return { ...nothing(), ...history.state };
}

function drafted() {
  const question = now();
  for (const field of ["words", "without", "category"]) question[field] = at(field).value.trim();
  question.weight = Number(at("weight").value);
  if (lost(question)) question.photo = ""; // the form shows none
  return question;
}

function said(question) {
  return [question.words, ...question.then].filter(Boolean);
}

function asks(question) {
  return Boolean(question.photo || question.like || said(question).length);
}

function lost(question) {
  return question.photo !== "" && !photos.has(question.photo); // the page was loaded anew
}

async function answer(address, options) {
  const response = await fetch(address, options).catch(() => {
    throw new Error("the server does not answer; try again");
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail ?? `the server answers with error ${response.status}`);
  return body;
}

function same(question, other) {
  return JSON.stringify(question) === JSON.stringify(other);
}

function ask(question) {
  if (!same(question, now())) keep(question);
  else if (busy()) return;
  view(question);
}

// A weight that is tried takes the place of the one before, or Back would go through all of them;
// so does a form that asks nothing yet.
function keep(question) {
  const before = now();
  const weighed = same({ ...question, weight: before.weight }, before);
  if (weighed || !(asks(before) || asks(question))) history.replaceState(question, "");
  else history.pushState(question, "");
}

function view(question) {
  asked += 1;
  clearTimeout(resting);
  fill(question);
  if (asks(question) && !lost(question)) {
    search(question);
    return;
  }
  list([]);
  say(lost(question) ? "Photos are not kept when the page is loaded anew: give yours again." : "");
}

function fill(question) {
  const listing = question.like && `/picture/${encodeURIComponent(question.like)}`;
  const picture = photos.has(question.photo) ? question.photo : listing;
  showProduct(picture, question);
  for (const field of ["words", "without", "category"]) at(field).value = question[field];
  at("weight").value = question.weight;
  at("share").value = at("weight").value;
  at("weigh").hidden = !(picture && said(question).length);
  at("change").hidden = !asks(question);
  turns(question.then, limits.turns - 1, takeBack); // the words of the form are one
}

async function search(question) {
  const number = asked;
  say("Searching …");
  at("results").ariaBusy = "true";
  try {
    const { results } = await answer("/api/search", { method: "POST", body: formOf(question) });
    if (number !== asked) return;
    list(results, more);
    say(sentence(question, said(question), results.length));
  } catch (error) {
    if (number !== asked) return;
    list([]);
    complain(error);
  }
}

function formOf(question) {
  const form = new FormData();
  const words = said(question);
  for (const turn of words) form.append("words", turn);
  if (question.photo) form.append("photo", photos.get(question.photo));
  if ((question.photo || question.like) && words.length) form.append("weight", question.weight);
  for (const field of ["like", "without", "category"]) {
    if (question[field]) form.append(field, question[field]);
  }
  return form;
}

function take(file) {
  if (file.size > limits.upload_bytes) {
    const mib = (limits.upload_bytes / 2 ** 20).toLocaleString();
    say(`This photo is larger than ${mib} MiB; take a smaller one.`, true);
    return;
  }
  const photo = URL.createObjectURL(file);
  photos.set(photo, file);
  ask({ ...drafted(), photo, like: "", name: file.name });
}

// A listing is a new start: what was said led to it.
function more(result, name) {
  const { category, weight } = drafted();
  ask({ ...nothing(), like: result.item_id, name, category, weight });
  scrollTo({ top: at("status").offsetTop - 12 });
}

function takeBack(turn) {
  const question = drafted();
  ask({ ...question, then: question.then.filter((_, other) => other !== turn) });
}

function listenToTheForm() {
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(drafted());
    if (!asks(now())) say("Give a photo, words, or both.", true);
  });
  for (const field of ["without", "category"]) {
    at(field).addEventListener("change", () => ask(drafted()));
  }
  at("photo").addEventListener("change", () => {
    const [file] = at("photo").files;
    if (file) take(file);
    at("photo").value = ""; // so that the same photo can be chosen again
  });
  at("remove").addEventListener("click", () => {
    at("photo").focus(); // the button goes
    ask({ ...drafted(), photo: "", like: "", name: "" });
  });
}

function listenToTheTurns() {
  at("change").addEventListener("submit", (event) => {
    event.preventDefault();
    const question = drafted();
    const words = at("then").value.trim();
    at("then").value = "";
    if (words) ask({ ...question, then: [...question.then, words] });
  });
  at("weight").addEventListener("input", () => {
    at("share").value = at("weight").value;
    clearTimeout(resting);
    resting = setTimeout(() => ask(drafted()), PAUSE);
  });
}

// Photos from other windows; text is dropped and pasted as everywhere.
function listenToTheWindow() {
  const brings = (event) => event.dataTransfer.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    at("drop").classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) at("drop").classList.remove("over");
  });
  addEventListener("drop", (event) => {
    at("drop").classList.remove("over");
    if (!brings(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", ({ clipboardData: { files, types } }) => {
    if (files.length && !types.includes("text/plain")) take(files[0]);
  });
  addEventListener("popstate", () => view(now()));
}

try {
  const [health, categories] = await Promise.all([answer("/api/health"), answer("/api/categories")]);
  limits = health;
  describe(health);
  offer(categories);
  listenToTheForm();
  listenToTheTurns();
  listenToTheWindow();
  at("form").inert = false;
  view(now());
} catch (error) {
  complain(error);
}
