"""Beside its sentence a proposal keeps what lists tell of it, and its answer what was approved, in words.

Those that are there have nothing to tell: lists show them as before.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("suggestions", "0018_open_proposals_know_their_concern")]

    operations = [
        migrations.AddField(
            model_name="proposal",
            name="glance",
            field=models.JSONField(
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="What lists tell beside the sentence: see `suggestions.intake.glance`.",
            ),
        ),
        migrations.AddField(
            model_name="resolution",
            name="sentence",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What was approved, edits included.",
                max_length=500,
            ),
        ),
    ]
