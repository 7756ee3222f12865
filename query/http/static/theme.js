// Before anything is drawn, so that a dark page does not flash light.
{
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
}
