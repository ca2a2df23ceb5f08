"""What CREMA-D itself says of its clips: names, actors, the raters' votes, and its protocols."""
