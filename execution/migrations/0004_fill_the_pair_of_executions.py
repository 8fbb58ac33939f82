from django.db import migrations

FILL = """
UPDATE execution_execution e
   SET agent_id = p.agent_id, action = t.name, passed = (r.by = 'policy')
  FROM suggestions_proposal p, suggestions_resolution r, suggestions_suggestion s, governance_actiontype t
 WHERE p.id = e.proposal_id AND r.proposal_id = e.proposal_id AND s.id = e.suggestion_id
   AND t.id = s.action_type_id AND e.agent_id IS NULL
"""


class Migration(migrations.Migration):
    """Apart from the columns: PostgreSQL alters no table that has changes waiting for their checks."""

    dependencies = [("execution", "0003_executions_know_their_pair")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop, elidable=True)]
