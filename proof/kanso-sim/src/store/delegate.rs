//! Storages that wrap storages.

/// Implements a storage port for a type with the methods `inner()`, which returns a storage, and
/// `around(call)`, which makes the call. Methods after the list are the type's own.
macro_rules! delegated {
    ($trait:ident for $type:ty {
        $($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*
    } $($own:tt)*) => {
        #[async_trait::async_trait]
        impl $trait for $type {
            $(async fn $name(
                &self,
                $($argument: $kind),*
            ) -> Result<$answer, StorageError> {
                self.around(self.inner().$name($($argument),*)).await
            })*
            $($own)*
        }
    };
}

pub(crate) use delegated;
