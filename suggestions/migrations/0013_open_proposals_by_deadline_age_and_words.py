from django.db import migrations, models

# Each word with its place; team, agent, action, risk and "several have to agree" as words of their own,
# which no word of a text can be. Signs of ASCII part words, so that "#W2378156" and "842.10" are found as typed.
DOCUMENT = r"""
CREATE FUNCTION suggestions_document(
    team text, also_teams text[], agent uuid, action text, risk integer, approvals integer,
    sentence text, title text, subject_type text, subject_id text
) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN to_tsvector('simple'::regconfig, regexp_replace(
               sentence || ' ' || title || ' ' || subject_type || ' ' || subject_id || ' ' || action,
               '[\x01-/:-@\[-`{-\x7f]+', ' ', 'g'))
        || array_to_tsvector(
               ARRAY['=team ' || team, '=agent ' || agent::text, '=action ' || action, '=risk ' || risk::text,
                     CASE WHEN approvals > 1 THEN '=several ' ELSE '=one ' END]
               || ARRAY(SELECT '=team ' || other FROM unnest(also_teams) other));
END
$$
"""
INDEX = """
CREATE INDEX proposal_open_by_words ON suggestions_proposal USING gin (
    suggestions_document(team_id, also_teams, agent_id, action, risk, approvals_needed,
                         sentence, title, subject_type, subject_id)
) WHERE status = 'pending'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('suggestions', '0012_checks_are_never_answered'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='proposal',
            index=models.Index(condition=models.Q(('status', 'pending')), fields=['team', 'deadline', 'id'], name='proposal_open_by_team_deadline'),
        ),
        migrations.AddIndex(
            model_name='proposal',
            index=models.Index(condition=models.Q(('status', 'pending')), fields=['team', 'created_at', 'id'], name='proposal_open_by_team_age'),
        ),
        migrations.RunSQL(DOCUMENT, 'DROP FUNCTION suggestions_document(text, text[], uuid, text, integer, integer, text, text, text, text)'),
        migrations.RunSQL(INDEX, 'DROP INDEX proposal_open_by_words'),
    ]
