"""Sensors: tasks that wait for something in LeadSquared."""
