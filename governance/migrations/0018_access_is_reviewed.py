"""Reviews of access. One that is signed stays as it is, and so do its grants."""

import audit.ground.ids
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

ONE_AT_A_TIME = """
CREATE UNIQUE INDEX access_review_one_at_a_time ON governance_accessreview ((true)) WHERE status <> 'signed'
"""
STAYS = """
CREATE FUNCTION access_review_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a signed review of access stays as it is: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE FUNCTION reviewed_grant_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Locked, so that nobody signs between this look and the change.
    IF EXISTS (SELECT FROM (SELECT status FROM governance_accessreview
                             WHERE id IN (OLD.review_id, NEW.review_id) FOR SHARE) review
                WHERE status = 'signed') THEN
        RAISE EXCEPTION 'the grants of a signed review of access stay as they are: % refused', TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER access_review_stays BEFORE UPDATE OR DELETE ON governance_accessreview
    FOR EACH ROW WHEN (OLD.status = 'signed') EXECUTE FUNCTION access_review_refuse_change();
CREATE TRIGGER reviewed_grant_stays BEFORE INSERT OR UPDATE OR DELETE ON governance_reviewedgrant
    FOR EACH ROW EXECUTE FUNCTION reviewed_grant_refuse_change();
"""
GOES = """
DROP TRIGGER reviewed_grant_stays ON governance_reviewedgrant;
DROP TRIGGER access_review_stays ON governance_accessreview;
DROP FUNCTION reviewed_grant_refuse_change();
DROP FUNCTION access_review_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0017_grants_say_since_when")]

    operations = [
        migrations.CreateModel(
            name="AccessReview",
            fields=[
                ("id", models.UUIDField(default=audit.ground.ids.uuid7, primary_key=True, serialize=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("submitted", "waits for a second person"),
                            ("signed", "Signed"),
                        ],
                        default="open",
                        max_length=9,
                    ),
                ),
                ("opened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("due_at", models.DateTimeField()),
                ("grants_count", models.PositiveIntegerField(help_text="How many there were.")),
                (
                    "kept",
                    models.PositiveIntegerField(
                        help_text="Of those; written when it is submitted.", null=True
                    ),
                ),
                ("removed", models.PositiveIntegerField(help_text="The same.", null=True)),
                ("submitted_at", models.DateTimeField(null=True)),
                ("signed_at", models.DateTimeField(null=True)),
                ("signed_name", models.CharField(blank=True, help_text="As it was then.", max_length=301)),
                (
                    "meaning",
                    models.CharField(
                        blank=True,
                        choices=[
                            (
                                "looked_through",
                                "I have looked through every grant and agree with each answer.",
                            ),
                            (
                                "sampled",
                                "I have looked at a part of the grants, and agree with the answers to those.",
                            ),
                        ],
                        max_length=14,
                    ),
                ),
                (
                    "opened_by",
                    models.ForeignKey(
                        db_index=False,
                        help_text="Nobody: it was time.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "signed_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "submitted_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [("sign_accessreview", "Can sign a review of access as the second person")],
                "default_permissions": ("view", "change"),
            },
        ),
        migrations.CreateModel(
            name="ReviewedGrant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(help_text="As `governance.access.grants.Kind` has them.", max_length=10),
                ),
                (
                    "holder",
                    models.CharField(help_text="Username of a person, name of an agent.", max_length=150),
                ),
                ("holder_name", models.CharField(max_length=301)),
                (
                    "target",
                    models.CharField(
                        help_text="What of this kind it is: a role, a slug, an id.", max_length=64
                    ),
                ),
                ("what", models.CharField(help_text="The same in words.", max_length=300)),
                ("since", models.DateTimeField(null=True)),
                ("given_by", models.CharField(blank=True, max_length=301)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("second_factor", models.BooleanField(help_text="Null where it is no person's.", null=True)),
                (
                    "answer",
                    models.CharField(
                        blank=True, choices=[("kept", "Kept"), ("removed", "Removed")], max_length=7
                    ),
                ),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "had_ended",
                    models.BooleanField(default=False, help_text="There was nothing left to remove."),
                ),
                (
                    "answered_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="grants",
                        to="governance.accessreview",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="accessreview",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("signed_by", None),
                    models.Q(("signed_by", models.F("submitted_by")), _negated=True),
                    _connector="OR",
                ),
                name="access_review_signed_by_somebody_else",
            ),
        ),
        migrations.AddConstraint(
            model_name="accessreview",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "open"), ("submitted_at", None), ("submitted_by", None)),
                    models.Q(
                        models.Q(("status", "open"), _negated=True),
                        (
                            "grants_count",
                            django.db.models.expressions.CombinedExpression(
                                models.F("kept"), "+", models.F("removed")
                            ),
                        ),
                        ("kept__isnull", False),
                        ("removed__isnull", False),
                        ("submitted_at__isnull", False),
                        ("submitted_by__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="access_review_submitted_with_every_answer",
            ),
        ),
        migrations.AddConstraint(
            model_name="accessreview",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("meaning", ""),
                        ("signed_at", None),
                        ("signed_by", None),
                        ("signed_name", ""),
                        models.Q(("status", "signed"), _negated=True),
                    ),
                    models.Q(
                        ("signed_at__isnull", False),
                        ("signed_by__isnull", False),
                        ("status", "signed"),
                        models.Q(("signed_name", ""), _negated=True),
                        models.Q(("meaning", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="access_review_signed_with_name_and_meaning",
            ),
        ),
        migrations.AddIndex(
            model_name="reviewedgrant",
            index=models.Index(
                condition=models.Q(("answer", "")), fields=["review", "id"], name="reviewed_grant_unanswered"
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewedgrant",
            constraint=models.UniqueConstraint(
                fields=("review", "holder", "kind", "target"), name="reviewed_grant_once_in_a_review"
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewedgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answer", ""), ("answered_at", None), ("answered_by", None)),
                    models.Q(
                        models.Q(("answer", ""), _negated=True),
                        ("answered_at__isnull", False),
                        ("answered_by__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="reviewed_grant_answered_by_somebody",
            ),
        ),
        migrations.RunSQL(ONE_AT_A_TIME, "DROP INDEX access_review_one_at_a_time"),
        migrations.RunSQL(STAYS, GOES),
    ]
