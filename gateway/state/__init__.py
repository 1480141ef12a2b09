"""The shared file, the one thing that both planes touch: its layout and its meaning. All access goes through native_fastpath."""
