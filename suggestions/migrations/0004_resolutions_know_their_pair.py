from django.db import migrations

FILL = """
UPDATE suggestions_resolution r SET agent_id = p.agent_id, action = p.action
  FROM suggestions_proposal p WHERE p.id = r.proposal_id AND r.agent_id IS NULL
"""


class Migration(migrations.Migration):
    """Apart from the columns: PostgreSQL alters no table that has changes waiting for their checks."""

    dependencies = [("suggestions", "0003_samples_and_the_record_of_pairs")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop, elidable=True)]
