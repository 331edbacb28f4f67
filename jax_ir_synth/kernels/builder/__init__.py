"""Program synthesis: values, programs in the making, control flow, identity, IR size, streams."""
