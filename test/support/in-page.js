// Runs in the page: each function is sent there by its text and may use nothing outside itself.

/** Elements that reach over the edge of the window, or whose content reaches over their own. */
export function overflowing() {
  const width = document.documentElement.clientWidth;
  const wide = [...document.querySelectorAll('body, body *')].filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return left < 0 || right > width || element.scrollWidth > element.clientWidth + 1;
  });
  return wide.filter(({ clientWidth }) => clientWidth > 0).map(({ outerHTML }) => outerHTML.slice(0, 80));
}

/** Contrast of an element's text with what is behind it, as WCAG counts it. */
export function contrast(element) {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [red, green, blue] = channels(color).map((channel) => {
      const share = channel / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  let behind = element;
  while (channels(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const [dark, light] = [
    luminance(getComputedStyle(element).color),
    luminance(getComputedStyle(behind).backgroundColor),
  ].sort((one, other) => one - other);
  return (light + 0.05) / (dark + 0.05);
}

/** What has the focus: the name of a flavour, or an id. */
export function focused() {
  const { id, dataset } = document.activeElement;
  return dataset.flavour ?? id;
}

export function outlineStyle(element) {
  return getComputedStyle(element).outlineStyle;
}

/** Whether the counts are these, in the order of the flavours and separated by commas. */
export function showsCounts(counts) {
  return [...document.querySelectorAll('.count')].map(({ textContent }) => textContent).join() === counts;
}
