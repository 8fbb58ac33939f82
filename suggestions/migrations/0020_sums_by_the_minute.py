from django.db import migrations

# Sums are made of the rows, anew where there are none: by the minute from now on, no more by five minutes.
FORGET = "DELETE FROM suggestions_subtotal; DELETE FROM suggestions_correction; DELETE FROM suggestions_settled;"


class Migration(migrations.Migration):
    dependencies = [("suggestions", "0019_lists_tell_figures_and_findings")]

    operations = [migrations.RunSQL(FORGET, FORGET, elidable=True)]
