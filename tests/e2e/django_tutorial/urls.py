"""The routes that `DefaultRouter` makes."""

from django.urls import include, path
from rest_framework.routers import DefaultRouter

from tests.e2e.django_tutorial import views

router = DefaultRouter()
router.register("snippets", views.SnippetViewSet)
router.register("groups", views.GroupViewSet)

urlpatterns = [path("", include(router.urls))]
