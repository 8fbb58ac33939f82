from django.db import migrations

# Up to `position` nothing could appear any more, so as many events are sealed before all others.
TO_PLACES = "UPDATE approvals_follower SET position = (SELECT count(*) FROM audit_event WHERE id <= position)"
TO_NUMBERS = "DELETE FROM approvals_follower"


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0018_batches_know_what_was_there"),
        ("audit", "0003_events_are_sealed"),
    ]

    operations = [
        migrations.RemoveField(model_name="follower", name="head"),
        migrations.RemoveField(model_name="follower", name="horizon"),
        migrations.RemoveField(model_name="follower", name="seen"),
        migrations.RunSQL(TO_PLACES, TO_NUMBERS),
    ]
