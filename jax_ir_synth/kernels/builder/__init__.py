"""Program synthesis: values, the program builder, control flow, transforms, identity, IR size."""
