"""What is shown of a model, and taken."""

from django.contrib.auth.models import Group
from rest_framework import serializers

from tests.e2e.django_tutorial.models import Snippet


class SnippetSerializer(serializers.ModelSerializer):
    """A snippet with the name of its owner, which nobody can change."""

    owner = serializers.ReadOnlyField(source="owner.username")

    class Meta:
        """All but the time of creation."""

        model = Snippet
        fields = ("id", "title", "code", "linenos", "language", "stars", "owner")


class GroupSerializer(serializers.HyperlinkedModelSerializer):
    """A group with its URL."""

    class Meta:
        """As in the quickstart."""

        model = Group
        fields = ("url", "name")
