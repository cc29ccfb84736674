// Copying. Without TLS browsers give a clipboard to pages of this computer alone; elsewhere the old way serves.

function copyOldWay(content) {
  const area = element("textarea", { class: "covered", "aria-hidden": "true" });
  area.value = content;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser does not let this page copy");
}

async function copyText(content) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(content);
    else copyOldWay(content);
    say("Copied.");
  } catch {
    say("The browser did not let this page copy: mark the text and copy it yourself.", { error: true });
  }
}

const copyButton = (content, title = "Copy", about = "") =>
  element(
    "button",
    { type: "button", "aria-label": about ? `${title} ${about}` : null, onclick: () => copyText(content()) },
    title,
  );
