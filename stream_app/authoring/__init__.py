"""Rules, profiles, triggers, segments, programs and content, from draft to rulebook."""
