from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0017_notices_of_agents_that_cannot_be_told'),
    ]

    operations = [
        migrations.AlterField(
            model_name='target',
            name='sealed',
            field=models.BinaryField(help_text='The address, encrypted under SECRETS_KEYS.'),
        ),
    ]
