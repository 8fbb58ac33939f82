"""One file, top to bottom; machines differ only by their environment.

`docs/operators.md` explains each variable. Where neither `DATABASE_URL` nor
`VALKEY_URL` is given, the services embedded under `VAR_DIR` are used.
"""

from pathlib import Path
from typing import Any

import environ

from audit.asking import addresses
from audit.sealing import keys as signing_keys
from audit.sealing import places
from governance.secrets import box
from reviewapp import embedded, logs
from reviewapp.processes import queues

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
embedded.fill_environment(VAR_DIR)

# --- Who we are -----------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")  # no default: a missing one stops the start and says its name
# Encrypt secrets at rest, newest first; without any a key is derived from SECRET_KEY.
SECRETS_KEYS = env.list("SECRETS_KEYS", default=[])
box.check(SECRETS_KEYS)  # one that is none stops the start and says which
# Sign checkpoints of the log, newest first; without any a key is derived from SECRET_KEY.
AUDIT_SIGNING_KEYS = env.list("AUDIT_SIGNING_KEY", default=[])
signing_keys.check(AUDIT_SIGNING_KEYS)
# Where checkpoints are pushed: file:/path, https://address, witness:https://address KEY.
CHECKPOINT_COPIES = env.list("CHECKPOINT_COPIES", default=[])
CHECKPOINT_ALLOW = places.hosts(CHECKPOINT_COPIES)  # one that is none stops the start
# Whether anybody may fetch checkpoints and hash tiles, as witnesses do. Events are never served so.
PUBLIC_LOG = env.bool("PUBLIC_LOG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
PUBLIC_URL = env.str("PUBLIC_URL", default="http://localhost:8000").rstrip("/")
HTTPS = PUBLIC_URL.startswith("https://")
# Networks of the proxies before us, whose X-Forwarded-For is believed: "10.0.0.5,fd00::/8".
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
addresses.networks(tuple(TRUSTED_PROXIES))  # one that is none stops the start and says its name

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "audit",
    "governance",
    "suggestions",
    "execution",
    "approvals",
    "insights",
    "reviewapp",
]

# Those of `reviewapp.web.middleware` are the usual ones, stepped over by requests to /api/, which has
# no session and no page and is asked far more often. The others Django looks for by name.
# Of pages: requests to the API go past all but the first two and the last (`reviewapp.web.handler`).
MIDDLEWARE = [
    "reviewapp.web.middleware.request_context",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "reviewapp.web.middleware.Compressed",
    "csp.middleware.CSPMiddleware",
    "reviewapp.web.incoming.forms",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "reviewapp.web.signed_out.keep_what_was_sent",
    "reviewapp.web.middleware.Htmx",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "reviewapp.web.middleware.PageSafety",
]

ROOT_URLCONF = "reviewapp.urls"
ASGI_APPLICATION = "reviewapp.asgi.application"
WSGI_APPLICATION = "reviewapp.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["reviewapp.templates.Unindented", "django.template.loaders.app_directories.Loader"],
                )
            ],
            "builtins": ["approvals.showing.tags", "governance.workflows.tags"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "reviewapp.web.pages.navigation",
            ],
        },
    },
]

# --- Where the facts are --------------------------------------------------------------------

WEB_THREADS = env.int("WEB_THREADS", default=4)  # measured: more only get in each other's way
_MAX_AGE = env.int("DATABASE_MAX_AGE", default=0)  # seconds that a connection is kept; `up` says how many


def _database(variable: str) -> dict[str, Any]:
    database: dict[str, Any] = env.db(variable)
    database["CONN_MAX_AGE"] = _MAX_AGE
    database["CONN_HEALTH_CHECKS"] = _MAX_AGE > 0
    database["ATOMIC_REQUESTS"] = False
    database["OPTIONS"] = {
        **database.get("OPTIONS", {}),
        "prepare_threshold": 1,  # or psycopg prepares nothing, whatever audit.statements.prepared asks for
        "application_name": env.str("PROCESS_NAME", default="reviewapp"),
        "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
    }
    return database


# The application's own role may only add to the log; the owner of the tables migrates.
DATABASES = {"default": _database("DATABASE_URL")}
if env.str("DATABASE_OWNER_URL", default=""):
    DATABASES["owner"] = _database("DATABASE_OWNER_URL")
    DATABASES["owner"]["TEST"] = {"MIRROR": "default"}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

VALKEY_URL = env.str("VALKEY_URL")
VALKEY_PREFIX = env.str("VALKEY_PREFIX", default="reviewapp")  # several installations may share one Valkey
CACHES = {
    "default": {
        "BACKEND": "reviewapp.cache.Forgiving",
        "LOCATION": VALKEY_URL,
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    },
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [VALKEY_URL], "prefix": VALKEY_PREFIX},
    },
}

# --- Work in the background -----------------------------------------------------------------
# Rows are the truth, messages are hints: a message carries an id and may be lost or doubled.

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=VALKEY_URL)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ROUTES = {
    "execution.tasks.execute": {"queue": "executions"},
    "execution.tasks.execute_urgent": {"queue": "urgent"},
    "suggestions.tasks.run_backtest": {"queue": "background"},
    "approvals.tasks.slip_in": {"queue": "background"},  # waits in a worker, as one of the few of its queue
    "approvals.tasks.send_notice": {"queue": "notices"},  # waits for servers that are not ours
    "reviewapp.tasks.send_reset": {"queue": "notices"},
}
BACKTEST_LANES = env.int("BACKTEST_LANES", default=1)  # workers at a time on one backtest
CELERY_DB_REUSE_MAX = 1_000  # `reviewapp.celery` looks after the connections of a worker
CELERY_TASK_SOFT_TIME_LIMIT = 35
CELERY_TASK_TIME_LIMIT = 40  # < LEASE_SECONDS < queues.VISIBILITY_TIMEOUT
LEASE_SECONDS = 50
STOP_SECONDS = env.float("STOP_SECONDS", default=6)  # that a worker gives its calls when it is to stop
HAND_BACK_LEASE_SECONDS = env.int("HAND_BACK_LEASE_SECONDS", default=300)  # of an agent that began
# Not seen to by then, operators are asked; not taken on by then, those whom the policy would ask next.
ATTEND_WITHIN_SECONDS = max(env.int("ATTEND_WITHIN_SECONDS", default=4 * 3600), 60)
ACKNOWLEDGE_WITHIN_SECONDS = max(env.int("ACKNOWLEDGE_WITHIN_SECONDS", default=3600), 60)
CELERY_BROKER_TRANSPORT_OPTIONS = queues.transport_options(CELERY_BROKER_URL, prefix=VALKEY_PREFIX)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # a broker that is full or read-only ends no worker
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False  # a call under way is finished
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# --- E-mail ---------------------------------------------------------------------------------
# smtp://, smtp+tls:// or smtp+ssl://, with user and password; without one no e-mail is sent.

EMAIL_URL = env.str("EMAIL_URL", default="")
_email = env.email_url("EMAIL_URL", default="smtp://localhost:25")
EMAIL_HOST, EMAIL_PORT = _email["EMAIL_HOST"], _email["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_USER"], _email["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _email.get("EMAIL_USE_TLS", False), _email.get("EMAIL_USE_SSL", False)
EMAIL_FROM = env.str("EMAIL_FROM", default="reviewapp@localhost.localdomain")

# --- Limits ---------------------------------------------------------------------------------

WRONG_KEYS_PER_MINUTE = env.int("WRONG_KEYS_PER_MINUTE", default=60)  # then none are looked up
RATE_LIMIT = env.str("RATE_LIMIT", default="600/minute")  # submissions and changes, per agent
# What a person rejected is not asked for again for so long, unless the policy says otherwise.
ASK_AGAIN_AFTER_SECONDS = env.int("ASK_AGAIN_AFTER_SECONDS", default=24 * 3600)
# Whether decisions keep how long somebody looked, and after how many approvals in a row that were faster
# than reading the desk says so (0: never). See docs/operators.md, "What is kept about people".
MEASURE_PACE = env.bool("MEASURE_PACE", default=True)
PACE_RUN = env.int("PACE_RUN", default=5)
# So long the times, checks and second looks of people are kept; the log is for ever.
ACCESS_REVIEW_MONTHS = env.int("ACCESS_REVIEW_MONTHS", default=3)  # from one to the next; 0: none by itself
ACCESS_REVIEW_DAYS = env.int("ACCESS_REVIEW_DAYS", default=14)  # within which it should be signed
KEEP_FIGURES_DAYS = max(env.int("KEEP_FIGURES_DAYS", default=90), 1)
# Check items are made of past decisions that are at least so old, so that nobody knows them by heart.
CHECK_FROM_PAST_DAYS = env.int("CHECK_FROM_PAST_DAYS", default=14)
API_BODY_BYTES = 256 * 1024
API_BATCH_BYTES = 8 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = API_BATCH_BYTES
EGRESS_ALLOW = env.list("EGRESS_ALLOW", default=[])  # host:port that workflows may reach
ROUTE_ENVIRONMENT = env.list("ROUTE_ENVIRONMENT", default=[])  # variables that Python callables get
CALLBACK_ALLOW = env.list("CALLBACK_ALLOW", default=[])  # private host:port that callbacks may reach
CALLBACK_PAUSE_ATTEMPTS = env.int("CALLBACK_PAUSE_ATTEMPTS", default=6)  # in a row that fail, and
CALLBACK_PAUSE_SECONDS = env.int("CALLBACK_PAUSE_SECONDS", default=10_800)  # so long: then it is paused
NOTICE_ALLOW = env.list("NOTICE_ALLOW", default=[])  # host:port that people's notices may be sent to
SILENT_AFTER_SECONDS = 60
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # without one, /metrics is for this machine only

# --- The API --------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["governance.door.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["governance.door.permissions.Nobody"],
    "DEFAULT_RENDERER_CLASSES": ["reviewapp.web.rendering.AnswerRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "reviewapp.web.rendering.JSONOnly",
    "DEFAULT_PARSER_CLASSES": ["audit.asking.gate.GatedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "reviewapp.web.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # `format` is a parameter of the export like any other
}
SPECTACULAR_SETTINGS = {
    "TITLE": "reviewapp",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": "Agents hand in proposals; people decide; workers carry out what was approved.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": False,
    "POSTPROCESSING_HOOKS": ["reviewapp.web.openapi.add_problems"],
}

# --- Signing in -----------------------------------------------------------------------------

AUTH_USER_MODEL = "governance.User"
AUTHENTICATION_BACKENDS = [
    "governance.people.backend.People",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "reviewapp.accounts.adapter.ClosedAccountAdapter"  # people are created by an operator
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300  # before second factors are changed
STEP_UP_SECONDS = env.int("STEP_UP_SECONDS", default=300)  # how fresh a log-in has to be for what is critical
REQUIRE_SECOND_FACTOR = env.bool("REQUIRE_SECOND_FACTOR", default=False)  # for what is critical, of everybody
MFA_ADAPTER = "reviewapp.accounts.second_factors.SealedSecrets"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = "reviewapp"
MFA_TOTP_TOLERANCE = 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody signs up here, and no address is ever verified
ACCOUNT_RATE_LIMITS = False  # `governance.door` counts: allauth would lock a name, and its counters can race
ACCOUNT_FORMS = {
    "login": "reviewapp.accounts.adapter.SignInForm",
    "change_password": "reviewapp.accounts.adapter.OwnPasswordForm",
}
MFA_FORMS = {
    "authenticate": "reviewapp.accounts.adapter.SecondFactorForm",
    "reauthenticate": "reviewapp.accounts.adapter.ConfirmForm",
}

# --- Browsers -------------------------------------------------------------------------------

_HOST_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME = f"{_HOST_PREFIX}reviewapp_session"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_NAME = f"{_HOST_PREFIX}reviewapp_csrf"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "reviewapp.web.pages.csrf_failure"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

from csp.constants import NONCE, NONE, SELF  # noqa: E402

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    },
}

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if DEBUG or env.bool("STATIC_UNHASHED", default=False):
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    WHITENOISE_USE_FINDERS = True

# --- Language, time, logs -------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
LOGGING_CONFIG = "reviewapp.logs.configure"
LOGGING = logs.config(level=env.str("LOG_LEVEL", default="INFO"), as_json=env.bool("LOG_JSON", default=True))

DEMO = env.bool("DEMO", default=False)
