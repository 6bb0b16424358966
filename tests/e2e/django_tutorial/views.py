"""Who may do what, and a line on stdout for each request that arrives."""

import sys
from collections.abc import Callable

from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from rest_framework import permissions, viewsets
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from tests.e2e.django_tutorial.models import Snippet
from tests.e2e.django_tutorial.serializers import GroupSerializer, SnippetSerializer


class IsOwnerOrReadOnly(permissions.BasePermission):
    """Only the owner may write."""

    def has_object_permission(self, request: HttpRequest, view: APIView, obj: Snippet) -> bool:
        return request.method in permissions.SAFE_METHODS or obj.owner == request.user


class SnippetViewSet(viewsets.ModelViewSet):
    """Everybody may read, users may create, owners may change."""

    queryset = Snippet.objects.all()
    serializer_class = SnippetSerializer
    permission_classes = (permissions.IsAuthenticatedOrReadOnly, IsOwnerOrReadOnly)

    def perform_create(self, serializer: BaseSerializer) -> None:
        serializer.save(owner=self.request.user)


class GroupViewSet(viewsets.ModelViewSet):
    """Users may do everything, nobody else anything."""

    queryset = Group.objects.all().order_by("name")
    serializer_class = GroupSerializer
    permission_classes = (permissions.IsAuthenticated,)


def told(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Say which requests arrive, each before it is answered."""

    def tell(request: HttpRequest) -> HttpResponse:
        sys.stdout.write(f"arrived: {request.method} {request.get_full_path()}\n")
        return get_response(request)

    return tell
