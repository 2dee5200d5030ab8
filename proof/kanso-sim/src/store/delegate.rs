//! Storages around storages.

/// Implements all storage ports for a type that has `inner()`, a storage, and `around(call)`, which
/// makes the call. What stands after a list of methods is the type's own way of doing others.
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
