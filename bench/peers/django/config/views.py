"""The three routes, by Django's own forms and functions."""

from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm
from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_POST


@require_POST
def register(request):
    form = UserCreationForm(request.POST)
    if not form.is_valid():
        return JsonResponse(form.errors, status=400)
    form.save()
    return HttpResponse(status=201)


@require_POST
def log_in(request):
    form = AuthenticationForm(request, data=request.POST)
    if not form.is_valid():
        return JsonResponse(form.errors, status=401)
    login(request, form.get_user())
    return JsonResponse({"message": "Logged in"})


def protected(request):
    if not request.user.is_authenticated:
        return JsonResponse({"detail": "Not authenticated"}, status=401)
    return JsonResponse({"message": f"Hello, {request.user.get_username()}"})
