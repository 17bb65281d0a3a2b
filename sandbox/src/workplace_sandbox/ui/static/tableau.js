// A browser does not send the part after "#", and Tableau's addresses have the view there.
function follow() {
  const address = /^#(?:\/site\/([^/?]+))?\/views\/([^/?]+)\/([^/?]+)[^?]*(\?.*)?$/.exec(location.hash);
  if (!address) return;
  const [, site, workbook, sheet, query = ""] = address;
  const base = location.pathname.replace(/\/+$/, "");
  location.replace(`${base}${site ? `/t/${site}` : ""}/views/${workbook}/${sheet}${query}`);
}
addEventListener("hashchange", follow);
follow();
