/**
 * An element with attributes and children. Strings become text nodes, never markup: most of what the page shows was chosen by
 * clients of the router. Attributes that are undefined are left out.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The element of index.html with this id. */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no #${id}`);
  return element;
}

/** Leaves the document alone where nothing changes, so that selections stay. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes `children` the children of an element, and moves only what is not in its place. */
export function setChildren(element, children) {
  let at = element.firstChild;
  for (const child of children) {
    if (child === at) at = at.nextSibling;
    else element.insertBefore(child, at);
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const MAX_SHOWN = 300;

/** Whatever a client has sent, as a text that fits into a cell. */
export function shown(value) {
  const text = typeof value === 'string' ? value : value === undefined || value === null ? '–' : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)` : text;
}
