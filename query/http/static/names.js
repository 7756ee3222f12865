// Values and conditions as people read them, in the language of the page.

import { genreName, spoken, t } from "./words.js";

const SIGNS = { ">=": "≥", "<=": "≤", ">": ">", "<": "<" };

/** A value of a field: `1980s`, `8-9`, `France`. */
export function valueName(field, value) {
  if (field === "genre") return genreName(value);
  if (field === "country") return translated("region", value);
  if (field === "language") return translated("language", value);
  if (field === "year") return rangeName(value);
  if (field === "rating") return `★ ${rangeName(value.replace(/^(\d+)-(\d+)$/, "$1..$2"))}`;
  if (field === "has") return t("has", { name: t(`field-${value}`) });
  return value;
}

/** A condition: `year:1980..` is "from 1980", `-genre:War` "without War". */
export function nameOf({ field, operator, values, negated }) {
  if (field === "like") return t(negated ? "unlike" : "alike", { title: values.join(", ") });
  const names = values.map((value) => valueName(field, value)).join(", ");
  const named = operator === ":" ? withField(field, names) : compared(field, operator, values[0]);
  return negated ? t("without", { name: named }) : named;
}

/** Where the value does not tell of which field it is. */
const withField = (field, names) => (["votes", "runtime", "id"].includes(field) ? `${t(`field-${field}`)}: ${names}` : names);

function compared(field, operator, value) {
  if (field === "year" && operator === ">=") return rangeName(`${value}..`);
  if (field === "year" && operator === "<=") return rangeName(`..${value}`);
  const name = field === "rating" ? "★" : t(`field-${field === "year" ? "years" : field}`);
  return `${name} ${SIGNS[operator]} ${value}`;
}

/** `1980..1989`, `1980..`, `..1989`, `1980s`. */
function rangeName(value) {
  const decade = /^(\d+)s$/.exec(value);
  if (decade) return t("decade", { name: decade[1] });
  const [low, high] = value.split("..");
  if (high === undefined) return value;
  return low && high ? `${low}–${high}` : t(low ? "since" : "until", { name: low || high });
}

/** Countries that are no more, and names that catalogues have and CLDR has not. */
const OTHER_GERMAN = {
  "west germany": "Westdeutschland",
  "east germany": "DDR",
  "soviet union": "Sowjetunion",
  yugoslavia: "Jugoslawien",
  "federal republic of yugoslavia": "Bundesrepublik Jugoslawien",
  czechoslovakia: "Tschechoslowakei",
  "czech republic": "Tschechien",
  turkey: "Türkei",
  "bosnia and herzegovina": "Bosnien und Herzegowina",
  "occupied palestinian territory": "Palästina",
  cantonese: "Kantonesisch",
  "serbo-croatian": "Serbokroatisch",
  "swiss german": "Schweizerdeutsch",
  flemish: "Flämisch",
  gaelic: "Gälisch",
  "irish gaelic": "Irisch",
  tibetan: "Tibetisch",
  "central khmer": "Khmer",
  "sign languages": "Gebärdensprachen",
  "american sign language": "Amerikanische Gebärdensprache",
};

const known = new Map();

/** An English name of a country or a language, as catalogues have them, in the language of the page. */
function translated(kind, name) {
  if (spoken() === "en") return name;
  if (!known.has(kind)) known.set(kind, translations(kind));
  const plain = name.toLowerCase();
  return known.get(kind).get(plain) ?? OTHER_GERMAN[plain] ?? name;
}

function translations(kind) {
  const [english, here] = ["en", spoken()].map((each) => new Intl.DisplayNames(each, { type: kind, fallback: "none" }));
  const letters = Array.from("abcdefghijklmnopqrstuvwxyz");
  const codes = letters.flatMap((one) => letters.map((other) => one + other));
  const named = codes.map((code) => (kind === "region" ? code.toUpperCase() : code)).filter((code) => english.of(code));
  return new Map(named.map((code) => [english.of(code).toLowerCase(), here.of(code)]));
}

/** Names of a list of values, "Frankreich, Italien". */
export const valueNames = (field, values) => values?.map((value) => valueName(field, value)).join(", ");
