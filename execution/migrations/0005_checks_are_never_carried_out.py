from django.db import migrations

# The lowest floor that could carry anything out says no by itself, whoever asks.
REFUSE = """
CREATE FUNCTION execution_refuse_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT is_check FROM suggestions_proposal WHERE id = NEW.proposal_id) THEN
        RAISE EXCEPTION 'a check item is never carried out'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'execution_never_of_a_check';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER execution_refuse_check BEFORE INSERT OR UPDATE OF proposal_id ON execution_execution
    FOR EACH ROW EXECUTE FUNCTION execution_refuse_check();
"""
FORGET = """
DROP TRIGGER execution_refuse_check ON execution_execution;
DROP FUNCTION execution_refuse_check();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("execution", "0004_fill_the_pair_of_executions"),
        ("suggestions", "0012_checks_are_never_answered"),
    ]

    operations = [migrations.RunSQL(REFUSE, FORGET)]
