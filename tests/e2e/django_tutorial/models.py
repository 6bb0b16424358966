"""The tutorial's model, and a number to count with."""

from django.db import models

LANGUAGES = [("c", "C"), ("python", "Python")]


class Snippet(models.Model):
    """A piece of code that somebody shares."""

    created = models.DateTimeField(auto_now_add=True)
    title = models.CharField(max_length=100, blank=True, default="")
    code = models.TextField()
    linenos = models.BooleanField(default=False)
    language = models.CharField(choices=LANGUAGES, default="python", max_length=100)
    stars = models.IntegerField(default=0)
    owner = models.ForeignKey("auth.User", related_name="snippets", on_delete=models.CASCADE)

    class Meta:
        """Oldest first."""

        ordering = ("created",)

    def __str__(self) -> str:
        return f"snippet {self.pk}"
