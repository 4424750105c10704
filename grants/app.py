"""Assembles Seedbed: the stages in the order in which a grant lives them, and the adapters behind the ports."""

from datetime import timedelta
from functools import partial
from typing import Any

from flask import Flask
from flask.cli import FlaskGroup
from werkzeug.middleware.proxy_fix import ProxyFix

from grants.adapters.bank_run import CsvBankRun
from grants.adapters.clamav_scanning import ClamAv
from grants.adapters.disk_storage import DiskStore
from grants.adapters.memory_mail import MemoryMailer
from grants.adapters.memory_payments import MemoryGateway
from grants.adapters.memory_scanning import MemoryScanner, NoScanner
from grants.adapters.modulus_tables import ModulusTables
from grants.adapters.packaged_geography import PackagedGeography
from grants.adapters.s3_storage import Bucket, S3Store
from grants.adapters.smtp_mail import SmtpMailer
from grants.allocation.cli import elections as elections_cli
from grants.allocation.cli import results as results_cli
from grants.allocation.views import desk as allocation
from grants.allocation.views import exclusive, letters, results, sandbox
from grants.appeals import views as appeals
from grants.audit import cli as audit_cli
from grants.audit import views as audit
from grants.awards import cli as awards_cli
from grants.awards.views import agreements as award_agreements
from grants.awards.views import changes as award_changes
from grants.awards.views import checks as award_checks
from grants.awards.views import offers as award_offers
from grants.awards.views import show as awards
from grants.awards.views import standing as award_standing
from grants.banking import cli as banking_cli
from grants.banking import views as banking
from grants.config import ROOT, Env, SecondFactor, Settings
from grants.demo.cli import demo
from grants.demo.people import CAST
from grants.disbursements import webhooks as payment_webhooks
from grants.disbursements.views import accounts as payment_accounts
from grants.disbursements.views import bank as pretend_bank
from grants.disbursements.views import desk as disbursements
from grants.disbursements.views import repayments
from grants.disbursements.views.handlers import money_handlers
from grants.funds import cli as funds_cli
from grants.funds import views as funds
from grants.funds.rules import PaysBy
from grants.home import cli as home_cli
from grants.home import views as home
from grants.insights import views as insights
from grants.issues import views as issues
from grants.kernel.clock import Clock, SystemClock
from grants.meetings import views as meetings
from grants.outbox import service as outbox
from grants.payees import cli as payees_cli
from grants.payees import views as payees
from grants.people import cli as people_cli
from grants.people import queries as people_queries
from grants.people import rules as people_rules
from grants.people.views import accounts as people
from grants.people.views import factors
from grants.places import views as places
from grants.ports.storage import FileStore
from grants.priorities import views as priorities
from grants.proposals import cli as proposals_cli
from grants.proposals.views import bids as proposals
from grants.proposals.views import comments as proposal_comments
from grants.proposals.views import copies as proposal_copies
from grants.proposals.views import eligibility as proposal_eligibility
from grants.proposals.views import files as proposal_files
from grants.proposals.views import measures as proposal_measures
from grants.proposals.views import partners as proposal_partners
from grants.proposals.views import quick as proposal_asks
from grants.proposals.views import screening as proposal_screening
from grants.proposals.views import signing as proposal_signing
from grants.proposals.views import typed as proposals_typed
from grants.proposals.views import writing as proposal_writing
from grants.quick import cli as quick_cli
from grants.quick import views as quick
from grants.reports import cli as reports_cli
from grants.reports import views as reports
from grants.review import cli as review_cli
from grants.review.views import panel as review
from grants.review.views import ties
from grants.rounds import cli as rounds_cli
from grants.rounds import views as rounds
from grants.voting import cli as voting_cli
from grants.voting.views import board as voting_board
from grants.voting.views import booths, devices, keys, papers
from grants.voting.views import desk as voting_desk
from grants.voting.views import votes as voting
from grants.web import components, csrf, db, errors, filters, headers, kept, limits, logs, session, statics
from grants.web.application import Application
from grants.web.db import reading

STAGES = (
    home,
    places,
    people,
    factors,
    payees,
    insights,
    issues,
    priorities,
    funds,
    rounds,
    proposals,
    proposal_writing,
    proposal_signing,
    proposal_screening,
    proposal_copies,
    proposal_comments,
    proposal_eligibility,
    proposal_files,
    proposal_measures,
    proposal_partners,
    proposals_typed,
    proposal_asks,
    voting,
    voting_desk,
    voting_board,
    booths,
    papers,
    keys,
    devices,
    review,
    ties,
    allocation,
    letters,
    exclusive,
    results,
    sandbox,
    meetings,
    appeals,
    awards,
    award_offers,
    award_agreements,
    award_checks,
    award_changes,
    award_standing,
    quick,
    disbursements,
    payment_accounts,
    repayments,
    pretend_bank,
    payment_webhooks,
    banking,
    reports,
    audit,
)

COMMANDS = (
    elections_cli.cli,
    results_cli.cli,
    audit_cli.books,
    awards_cli.cli,
    banking_cli.cli,
    funds_cli.cli,
    home_cli.cli,
    home_cli.broom,
    payees_cli.cli,
    people_cli.cli,
    proposals_cli.cli,
    quick_cli.cli,
    reports_cli.cli,
    review_cli.cli,
    rounds_cli.cli,
    voting_cli.cli,
)


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Flask:
    """A whole application for these settings (from the environment when none are given)."""
    settings = settings or Settings.from_environ()
    app = Application("grants", static_folder=str(ROOT / "static"), template_folder=str(ROOT / "templates"))
    app.config.update(
        SETTINGS=settings,
        DEMO=settings.demo,
        DEMO_WHO={someone.email: someone.who for someone in CAST} if settings.demo else {},
        PLACE_NAME=settings.place_name,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        MAX_CONTENT_LENGTH=settings.upload_limit,
        SESSION_COOKIE_NAME="seedbed",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        PERMANENT_SESSION_LIFETIME=timedelta(days=14),
        TRUSTED_HOSTS=list(settings.trusted_hosts) or None,
        WTF_CSRF_TIME_LIMIT=8 * 3600,
    )
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=settings.proxies
        )
    app.extensions["clock"] = clock or SystemClock()
    logs.init_app(app)
    db.init_app(app)
    headers.init_app(app)
    limits.init_app(app)
    csrf.init_app(app)
    session.init_app(
        app,
        lambda token, now: people_queries.presence_of_session(reading(), token, now),
        partial(people_rules.wanted, required=settings.second_factor is SecondFactor.REQUIRED),
    )
    app.extensions["migrate"] = Migrations(app)
    for kit in (statics, filters, components, errors, kept):
        kit.init_app(app)
    choose_adapters(app, settings)
    for stage in STAGES:
        app.register_blueprint(stage.bp)
    for commands in COMMANDS:
        app.cli.add_command(commands)
    return app


class Migrations:
    """What Flask-Migrate's commands look for: the library comes with the first of them, not with every worker."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        from flask_migrate import Migrate

        Migrate(self._app, db.db, directory=str(ROOT / "migrations"))
        return getattr(self._app.extensions["migrate"], name)


def choose_adapters(app: Flask, settings: Settings) -> None:
    """Put an adapter behind every port; stages reach them through ``grants.web.outside``."""
    app.extensions["mailer"] = (
        SmtpMailer(
            settings.smtp_host,
            settings.smtp_port,
            settings.mail_from,
            settings.smtp_user,
            settings.smtp_password,
            settings.smtp_starttls,
        )
        if settings.smtp_host
        else MemoryMailer()
    )
    app.extensions["account_numbers"] = ModulusTables.from_folder(settings.modulus_folder)
    app.extensions["providers"] = payment_providers(settings)
    app.extensions["bank_run_files"] = CsvBankRun()
    app.extensions["pays_by"] = PaysBy.BANK_RUN if settings.env is Env.PRODUCTION else PaysBy.MEMORY
    app.extensions["geography"] = PackagedGeography()
    app.extensions["outbox_handlers"] = {
        "mail": lambda payload, key: app.extensions["mailer"].send(
            to=payload["to"],
            subject=payload["subject"],
            text=outbox.with_addresses(payload["text"], settings.base_url),
            key=key,
        ),
        **money_handlers(),
        **proposal_files.scan_handlers(),
    }
    app.extensions["files"] = store_for(settings)
    app.extensions["scanner"] = scanner_for(settings)


def store_for(settings: Settings) -> FileStore:
    """Where files are kept: in a bucket where one is named, else in a folder of this machine."""
    if not settings.s3_bucket:
        return DiskStore(settings.files_folder)
    return S3Store(
        Bucket(
            name=settings.s3_bucket,
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            key_id=settings.s3_key_id,
            secret=settings.s3_secret,
            path_style=settings.s3_path_style,
        )
    )


def scanner_for(settings: Settings) -> object:
    """Who looks for malware. In production nobody does until ClamAV is named; then nothing that is sent is opened."""
    if settings.clamd:
        return ClamAv(settings.clamd)
    return NoScanner() if settings.env is Env.PRODUCTION else MemoryScanner()


def payment_providers(settings: Settings) -> dict[str, object]:
    """Who can move money in this installation, by name. Pretend money never in production; Stripe where it has a key.

    A demonstration without a pretend Stripe pays what Stripe would pay from the pretend bank.
    """
    providers: dict[str, object] = {} if settings.env is Env.PRODUCTION else {PaysBy.MEMORY: MemoryGateway()}
    if settings.stripe_key:
        from grants.adapters.stripe_payments import StripePayments  # half a second that only Stripe's users pay

        providers[PaysBy.STRIPE] = StripePayments(
            settings.stripe_key, settings.stripe_webhook_secrets, settings.stripe_api
        )
    elif settings.demo:
        providers[PaysBy.STRIPE] = providers[PaysBy.MEMORY]
    return providers


cli = FlaskGroup(name="grants", create_app=partial(create_app), add_version_option=False)
cli.add_command(demo)
