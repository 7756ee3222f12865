// The filter as a list of conditions. The service knows the grammar; here it is only cut at its spaces.

const CONDITION = /(?:[^\s"]|"(?:[^"]|"")*"?)+/g;

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

/** What was read out of a question, as a filter says it. */
export function asFilter({ field, operator, values, negated }) {
  const quoted = values.map((value) => `"${value.replaceAll('"', '""')}"`);
  return `${negated ? "-" : ""}${field}${operator}${(field === "year" ? values : quoted).join(",")}`;
}

/** A condition as people read it: the value of `genre:"Film Noir"`. */
export function spokenCondition(condition) {
  const found = /^(-?)(\w+):"((?:[^"]|"")*)"$/.exec(condition);
  return found ? { negated: found[1] === "-", field: found[2], value: found[3].replaceAll('""', '"') } : null;
}
