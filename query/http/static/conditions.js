// The filter as a list of conditions. The service knows the grammar; here it is only cut at its spaces.

const CONDITION = /(?:[^\s"]|"(?:[^"]|"")*"?)+/g;

const VALUE = /"(?:[^"]|"")*"?|[^,]+/g;

/** `year:1980.. genre:"Film Noir"` -> both conditions. */
export const conditions = (filter) => filter.match(CONDITION) ?? [];

/** Whether a facet's filter, one or more conditions, is part of it. */
export function holds(filter, wanted) {
  const present = conditions(filter);
  return conditions(wanted).every((each) => present.includes(each));
}

/** The filter with these conditions, or without them if it had them all. */
export function toggled(filter, wanted) {
  return holds(filter, wanted) ? without(filter, wanted) : [...conditions(filter), ...conditions(wanted)].join(" ");
}

export function without(filter, unwanted) {
  const gone = conditions(unwanted);
  return conditions(filter)
    .filter((each) => !gone.includes(each))
    .join(" ");
}

/** The filter with one condition in the place of those that match a pattern; "" only takes them out. */
export function replaced(filter, pattern, condition) {
  const kept = conditions(filter).filter((each) => !pattern.test(each));
  return [...kept, ...(condition ? [condition] : [])].join(" ");
}

const FIELD = new RegExp(
  "^-?(year|rating|vote|runtime|genre|keyword|director|actor|language|countr(y|ie)|title|id|has" +
    "|imdb|tmdb|ml|tvdb|wikidata|trakt|letterboxd|netflix)s?(!=|[<>]=?|[:=])[^:=!<>]",
  "i",
);

/** What of a question is written as a filter is: `ghosts genre:Horror` -> `genre:Horror`. */
export const conditionsAmong = (words) => conditions(words).filter((each) => FIELD.test(each));

/** What was read out of a question, as a filter says it. */
export function asFilter({ field, operator, values, negated }) {
  const quoted = values.map((value) => `"${value.replaceAll('"', '""')}"`);
  return `${negated ? "-" : ""}${field}${operator}${(field === "year" ? values : quoted).join(",")}`;
}

/** The parts of a condition: `-genre:"Film Noir",War` -> the field, the operator, the values, and that it is negated. */
export function spokenCondition(condition) {
  const found = /^(-?)(\w+)(:|!=|>=|<=|=|>|<)(.+)$/.exec(condition);
  if (!found) return null;
  const [, minus, field, operator, rest] = found;
  const values = rest.match(VALUE).map((value) => value.replace(/^"|"$/g, "").replaceAll('""', '"'));
  return { negated: (minus === "-") !== (operator === "!="), field, operator: operator.replace(/^(!?=)$/, ":"), values };
}
