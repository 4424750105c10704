// The parts of GOV.UK Frontend's script that our pages use. Bundled into static/vendor/govuk/govuk.min.js.
import {createAll} from 'govuk-frontend/dist/govuk/init.mjs'
import {Button} from 'govuk-frontend/dist/govuk/components/button/button.mjs'
import {CharacterCount} from 'govuk-frontend/dist/govuk/components/character-count/character-count.mjs'
import {Checkboxes} from 'govuk-frontend/dist/govuk/components/checkboxes/checkboxes.mjs'
import {ErrorSummary} from 'govuk-frontend/dist/govuk/components/error-summary/error-summary.mjs'
import {NotificationBanner} from 'govuk-frontend/dist/govuk/components/notification-banner/notification-banner.mjs'
import {Radios} from 'govuk-frontend/dist/govuk/components/radios/radios.mjs'
import {ServiceNavigation} from 'govuk-frontend/dist/govuk/components/service-navigation/service-navigation.mjs'
import {SkipLink} from 'govuk-frontend/dist/govuk/components/skip-link/skip-link.mjs'

export function start () {
  for (const part of [Button, CharacterCount, Checkboxes, ErrorSummary, NotificationBanner, Radios, ServiceNavigation, SkipLink]) {
    createAll(part)
  }
}
