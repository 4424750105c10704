// Every page: says that scripts run, starts the GOV.UK parts, and loads our own where a page asks for them.
import {start} from '../vendor/govuk/govuk.min.js'

document.documentElement.classList.add('app-js')
document.body.classList.add('js-enabled', 'govuk-frontend-supported')
start()

if (document.querySelector('form[data-ballot]')) import('./ballot.js')
if (document.querySelector('form[data-autosave]')) import('./autosave.js')
if (document.querySelector('form[data-warn-unsaved]')) import('./unsaved.js')
if (location.hash.startsWith('#code=') || document.querySelector('[data-voting-code]')) import('./code.js')
if (document.querySelector('[data-kiosk]')) import('./kiosk.js')
for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false
  button.addEventListener('click', () => window.print())
}
