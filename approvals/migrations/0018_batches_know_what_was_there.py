from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0017_notices_of_agents_that_cannot_be_told'),
    ]

    operations = [
        migrations.AddField(
            model_name='batchitem',
            name='look',
            field=models.UUIDField(help_text='What a service had said is there, as it was shown.', null=True),
        ),
        migrations.AlterField(
            model_name='target',
            name='sealed',
            field=models.BinaryField(help_text='The address, encrypted under SECRETS_KEYS.'),
        ),
    ]
