"""Feeds: configured sources of follow-ups, one YAML file each."""

from followups.feeds.feed import Feed
from followups.feeds.files import FeedError, feed_files, feeds_dir, load_feed, load_feeds, read_query
from followups.feeds.groups import Approval, Marker, QuietHours, Thresholds, WriteBack

__all__ = [
    "Approval",
    "Feed",
    "FeedError",
    "Marker",
    "QuietHours",
    "Thresholds",
    "WriteBack",
    "feed_files",
    "feeds_dir",
    "load_feed",
    "load_feeds",
    "read_query",
]
