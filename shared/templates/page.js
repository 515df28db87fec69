"use strict";

/* What pages that this machine serves have in common: their words in the person's language, and elements made of text. */
let words = {}, language = "en";

const element = (id) => document.getElementById(id);
const say = (key, facts = {}) =>
  (words[language]?.[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => facts[name] ?? "–");

function make(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function drawWords() {
  document.documentElement.lang = language;
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = say(one.dataset.word);
  element("language").textContent = language === "en" ? "中文" : "English";
}

async function chooseLanguage(wanted, draw) {
  words = await (await fetch("/words.json")).json();
  language = wanted ?? localStorage.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
  element("language").addEventListener("click", () => {
    language = language === "en" ? "zh" : "en";
    localStorage.setItem("language", language);
    draw();
  });
}
