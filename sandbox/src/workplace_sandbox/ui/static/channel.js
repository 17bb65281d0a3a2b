// Polls for new messages every two seconds and shows them, like a chat; the input field keeps its text.
async function refresh() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const modals = page.querySelector(".sl-modals");
  if (modals && modals.innerHTML !== openModals) {
    openModals = modals.innerHTML;
    document.querySelector(".sl-modals").replaceChildren(...modals.childNodes);
  }
  const fresh = page.querySelector(".sl-messages");
  const shown = document.querySelector(".sl-messages");
  if (!fresh || fresh.innerHTML === known) return;
  known = fresh.innerHTML;
  const open = new Set([...shown.querySelectorAll("details[open]")].map((thread) => thread.closest("article").id));
  const scroller = shown.parentElement;
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
  shown.replaceChildren(...fresh.childNodes);
  for (const thread of shown.querySelectorAll("details")) thread.open ||= open.has(thread.closest("article").id);
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
}

// A click is that of the person who is chosen in the input field.
document.getElementById("clicks").addEventListener("submit", (event) => {
  event.target.elements["as"].value = document.querySelector(".sl-composer [name=as]").value;
});

let openModals = document.querySelector(".sl-modals").innerHTML;
let known = document.querySelector(".sl-messages").innerHTML;
setInterval(() => refresh().catch(() => {}), 2000);
