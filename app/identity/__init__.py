"""Who is calling, for whom they may act, and which offices an official holds."""
