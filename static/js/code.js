// A voting code behind the # of the address (a card's QR code): kept in this tab until it is asked for, and taken out of
// the address at once. Browsers never send what stands behind a #. Without scripts people type the code from their card.
const KEY = 'voting-code'
const found = /^#code=([0-9A-Za-z-]{12,20})$/.exec(location.hash)
if (found) {
  sessionStorage.setItem(KEY, found[1])
  history.replaceState(null, '', location.pathname + location.search)
}
const box = document.querySelector('form [name="code"][data-voting-code]')
if (box && !box.value && sessionStorage.getItem(KEY)) {
  box.value = sessionStorage.getItem(KEY)
  sessionStorage.removeItem(KEY)
}
