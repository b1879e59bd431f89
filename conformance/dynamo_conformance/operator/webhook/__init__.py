"""The webhooks of the graph's CRD: conversion, defaults, validation."""
