from django.urls import path

from config import views

urlpatterns = [
    path("register", views.register),
    path("login", views.log_in),
    path("protected", views.protected),
]
